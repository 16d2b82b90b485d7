            // Where the next tiles come from.
            const int k = next * TILE_K + a_k, channel = k % @DEPTH_CHANNELS@;
            int rest = k / @DEPTH_CHANNELS@;
@TAP_NUMBERS@
            const @INDEX@ tap_place = (@INDEX@)(@TAP_PLACE@) * @A_CHANNELS@ + channel;
            const int64 window_place = (int64)(@WINDOW_TAP@) * @B_TAP@ + channel;
            UNROLL for (int i = 0; i < A_COUNT; i++) {
                a_from[i] = a_first + (a_place[i] + tap_place);
                a_valid[i] = k < depth && a_m + i * A_STEP < rows_left@INSIDE@;
            }
            UNROLL for (int i = 0; i < B_COUNT; i++) {
                b_from[i] = b_first + (window_place + i * B_STEP * @B_CHANNELS@);
                b_valid[i] = k < depth && first_column + b_n + i * B_STEP < @COLUMNS@;
            }
