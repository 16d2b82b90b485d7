    // The tiles of the depth that are this block's share.
    const int tiles = (int)((depth + TILE_K - 1) / TILE_K), share = (tiles + (int)gridDim.y - 1) / (int)gridDim.y;
    const int first_tile = (int)blockIdx.y * share;
    const int last_tile = first_tile + share < tiles ? first_tile + share : tiles;
