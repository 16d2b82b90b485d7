    // Rows of a are taps and channels of the operand, and the depth goes over the positions of the
    // result: a thread moves neighbours in channels of positions A_STEP apart. Rows of b are those of the
    // result's gradient.
    enum { A_STEP = THREADS * A_WIDTH / TILE_M, B_STEP = THREADS * B_WIDTH / TILE_N };
    const int64 depth = batch * @EXTENT@;
    const int a_k = threadIdx.x / (TILE_M / A_WIDTH), a_m = threadIdx.x % (TILE_M / A_WIDTH) * A_WIDTH;
    int rest = ((int)first_row + a_m) / @A_GROUP@;
@TAP_NUMBERS@
    const int tap_inside = a_m < rows_left;
    const @A_TYPE@ *a_first = a + (int64)(@TAP_PLACE@) * @A_CHANNELS@ + group * @A_GROUP@ + ((int)first_row + a_m) % @A_GROUP@;
    const int b_k = threadIdx.x / (TILE_N / B_WIDTH), b_n = threadIdx.x % (TILE_N / B_WIDTH) * B_WIDTH;
    const @B_TYPE@ *b_first = b + group * @COLUMNS@ + first_column + b_n;
    const int b_inside = first_column + b_n < @COLUMNS@;
