    // A thread computes neighbours in channels of a few positions, so that a weight is read once for them.
    enum { WIDTH = @WIDTH@, A_COUNT = @PIXELS@ };
    const int64 thread = (int64)@BLOCK@ * blockDim.x + threadIdx.x;
    const int64 first_row = thread / (@CHANNELS@ / WIDTH) * A_COUNT, rows = @ROWS@;
    const int channel = (int)(thread % (@CHANNELS@ / WIDTH)) * WIDTH;
    if (first_row >= rows) return;
@AXES@
    const int first_sample = (int)(first_row / @EXTENT@), first_position = (int)(first_row % @EXTENT@);
    const @A_TYPE@ *a_first = a + (int64)first_sample * @A_LEN@;
    @INDEX@ place[A_COUNT];
@KEPT@
    UNROLL for (int i = 0; i < A_COUNT; i++) {
            int position = first_position + i;
            const int sample = position / @EXTENT@;
            position %= @EXTENT@;
@COORDINATES@
            place[i] = (@INDEX@)sample * @A_LEN@ + (@INDEX@)(@PLACE@) * @A_CHANNELS@;
@KEEP@
    }
    float sums[A_COUNT][WIDTH] = {{0}};
    const int taps = @TAPS@;
    @UNROLL@for (int tap = 0; tap < taps; tap++) {
            int rest = tap;
@TAP_NUMBERS@
            const int tap_place = (@TAP_PLACE@) * @A_CHANNELS@, weight_place = (@WINDOW_TAP@) * @B_CHANNELS@;
@WEIGHTS@
            UNROLL for (int i = 0; i < A_COUNT; i++) {
                if (!(first_row + i < rows@INSIDE@)) continue;
                const @A_TYPE@ *from = a_first + (place[i] + tap_place);
@PRODUCTS@
            }
    }
    // The results move up to the first place one after the other, so that what is fused need be compiled but once.
    const int count = rows - first_row < A_COUNT ? (int)(rows - first_row) : A_COUNT;
    for (int i = 0; i < count; i++) {
        ALIGNED(16) float result[WIDTH];
        UNROLL for (int v = 0; v < WIDTH; v++) {
            result[v] = sums[0][v];
            UNROLL for (int other = 1; other < A_COUNT; other++) sums[other - 1][v] = sums[other][v];
        }
        int position = first_position + i;
        const int64 sample = first_sample + position / @EXTENT@;
        position %= @EXTENT@;
@TARGET@
        const int64 pixel = sample * @POSITIONS@ + position;
@FINISH@
    }
