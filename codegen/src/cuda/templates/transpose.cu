    // Rows of the tile are neighbours in x, columns in y; the padding spreads a column over the banks.
    SHARED float tile[@COLUMNS@][@ROWS@ + 1];
    int64 rest = blockIdx.x;
    const int first_row = (int)(rest % @ROW_TILES@) * @ROWS@;
    rest /= @ROW_TILES@;
    const int first_column = (int)(rest % @COLUMN_TILES@) * @COLUMNS@;
    rest /= @COLUMN_TILES@;
    int64 source = 0, target = 0;
@OUTER@
    source += rest * @LEN@, target += rest * @LEN@;
    for (int i = threadIdx.x * @LOAD_WIDTH@; i < @ROWS@ * @COLUMNS@; i += blockDim.x * @LOAD_WIDTH@) {
        const int row = first_row + i % @ROWS@, column = first_column + i / @ROWS@;
        ALIGNED(16) float values[@LOAD_WIDTH@];
        if (row >= @ROW_EXTENT@ || column >= @COLUMN_EXTENT@) continue;
        @LOAD@(x + source + (int64)column * @COLUMN_STRIDE@ + row, values);
        UNROLL for (int j = 0; j < @LOAD_WIDTH@; j++) tile[i / @ROWS@][i % @ROWS@ + j] = values[j];
    }
    barrier();
    for (int i = threadIdx.x * @STORE_WIDTH@; i < @ROWS@ * @COLUMNS@; i += blockDim.x * @STORE_WIDTH@) {
        const int row = first_row + i / @COLUMNS@, column = first_column + i % @COLUMNS@;
        ALIGNED(16) float values[@STORE_WIDTH@];
        if (row >= @ROW_EXTENT@ || column >= @COLUMN_EXTENT@) continue;
        UNROLL for (int j = 0; j < @STORE_WIDTH@; j++) values[j] = tile[i % @COLUMNS@ + j][i / @COLUMNS@];
        @STORE@(y + target + (int64)row * @ROW_STRIDE@ + column, values);
    }
