            // Where the next tiles come from.
            const int first_k = next * TILE_K, k = first_k + a_k;
            int rest = k / @DEPTH_CHANNELS@;
@TAP_NUMBERS@
            const @INDEX@ tap_place = (@INDEX@)(@TAP_PLACE@) * @A_CHANNELS@ + k % @DEPTH_CHANNELS@;
            UNROLL for (int i = 0; i < A_COUNT; i++) {
                a_from[i] = a_first + (a_place[i] + tap_place);
                a_valid[i] = k < depth && a_m + i * A_STEP < rows_left@INSIDE@;
            }
            UNROLL for (int i = 0; i < B_COUNT; i++) {
                b_from[i] = b_first + (int64)(first_k + b_k + i * B_STEP) * @B_CHANNELS@;
                b_valid[i] = b_inside && first_k + b_k + i * B_STEP < depth;
            }
