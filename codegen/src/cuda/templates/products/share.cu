    const int tiles = (int)((depth + TILE_K - 1) / TILE_K);
    const int share = (tiles + @SPLITS@ - 1) / @SPLITS@;
    const int first_tile = (int)blockIdx.y * share;
    const int last_tile = first_tile + share < tiles ? first_tile + share : tiles;
