            // Where the next tiles come from.
            const int64 first_k = (int64)next * TILE_K;
            const int k_sample = (int)(first_k / @EXTENT@), k_position = (int)(first_k % @EXTENT@);
            UNROLL for (int i = 0; i < A_COUNT; i++) {
                int position = k_position + a_k + i * A_STEP;
                const int sample = k_sample + position / @EXTENT@;
                position %= @EXTENT@;
@COORDINATES@
                a_from[i] = a_first + (int64)sample * @A_LEN@ + (int64)(@PLACE@) * @A_CHANNELS@;
                a_valid[i] = tap_inside && first_k + a_k + i * A_STEP < depth@INSIDE@;
            }
            UNROLL for (int i = 0; i < B_COUNT; i++) {
                b_from[i] = b_first + (first_k + b_k + i * B_STEP) * @B_CHANNELS@;
                b_valid[i] = b_inside && first_k + b_k + i * B_STEP < depth;
            }
