    // All tiles of the depth.
    const int first_tile = 0, last_tile = (int)((depth + TILE_K - 1) / TILE_K);
