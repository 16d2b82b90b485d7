    // Rows of a are positions, gathered from the map: a thread moves neighbours in channels, which go
    // with the depth, of rows A_STEP apart. Rows of b are those of the weight.
    enum { A_STEP = THREADS * A_WIDTH / TILE_K, B_STEP = THREADS * B_WIDTH / TILE_N };
    const int depth = @TAPS@ * @DEPTH_CHANNELS@;
    const @A_TYPE@ *a_first = a + (int64)first_sample * @A_LEN@ + group * @DEPTH_CHANNELS@;
    const int a_m = threadIdx.x / (TILE_K / A_WIDTH), a_k = threadIdx.x % (TILE_K / A_WIDTH) * A_WIDTH;
    @INDEX@ a_place[A_COUNT];
@KEPT@
    UNROLL for (int i = 0; i < A_COUNT; i++) {
        int position = first_position + a_m + i * A_STEP;
        const int sample = position / @EXTENT@;
        position %= @EXTENT@;
        {
@COORDINATES@
            a_place[i] = (@INDEX@)sample * @A_LEN@ + (@INDEX@)(@PLACE@) * @A_CHANNELS@;
@KEEP@
        }
    }
    const int b_k = threadIdx.x / (TILE_N / B_WIDTH), b_n = threadIdx.x % (TILE_N / B_WIDTH) * B_WIDTH;
    const @B_TYPE@ *b_first = b + group * @COLUMNS@ + first_column + b_n;
    const int b_inside = first_column + b_n < @COLUMNS@;
