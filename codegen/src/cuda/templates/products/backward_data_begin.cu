    // Rows of a are positions, gathered from the gradient of the result; rows of b are channels of the
    // operand. Both have neighbours along the depth: channels of the result, tap by tap.
    enum { A_STEP = THREADS * A_WIDTH / TILE_K, B_STEP = A_STEP };
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
    const int b_n = a_m, b_k = a_k;
    const @B_TYPE@ *b_first = b + (int64)(first_column + b_n) * @B_CHANNELS@ + group * @DEPTH_CHANNELS@;
