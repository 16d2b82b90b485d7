    // The part of this block: a tile of the result, and of the depth its share.
    const int64 rows = @ROWS@;
    const int64 first_row = (int64)(blockIdx.x / @ROW_BLOCKS@) * TILE_M;
    const int first_column = (int)(blockIdx.x % @COLUMN_TILES@) * TILE_N;
    const int rows_left = rows - first_row < TILE_M ? (int)(rows - first_row) : TILE_M;
    const int first_sample = (int)(first_row / @EXTENT@), first_position = (int)(first_row % @EXTENT@);
    const int group = @GROUP@;
@AXES@
