    // A thread sums a few taps of neighbours in channels over every ROWS. position of the block's share, and
    // the block's rows are summed in order.
    enum { WIDTH = @WIDTH@, LANES = @LANES@, ROWS = @THREADS@ / LANES, TAPS = @GROUP_TAPS@ };
    SHARED float shared[@THREADS@ * WIDTH];
    const int lane = threadIdx.x % LANES, row = threadIdx.x / LANES, first_tap = @FIRST_TAP@;
    const int channel = (int)(blockIdx.x * LANES + lane) * WIDTH, inside = channel < @CHANNELS@;
    const int64 pixels = batch * @EXTENT@;
    const int rounds = (int)((pixels + ROWS - 1) / ROWS), share = (rounds + (int)gridDim.y - 1) / (int)gridDim.y;
    const int64 first = (int64)blockIdx.y * share * ROWS, end = first + share * ROWS, last = end < pixels ? end : pixels;
@AXES@
    float sums[TAPS][WIDTH] = {{0}};
    if (inside) {
        for (int64 pixel = first + row; pixel < last; pixel += ROWS) {
            const int64 sample = pixel / @EXTENT@;
            const int position = (int)(pixel % @EXTENT@);
@COORDINATES@
            const @A_TYPE@ *a_first = a + sample * @A_LEN@ + (int64)(@PLACE@) * @A_CHANNELS@;
            ALIGNED(16) float weights[WIDTH];
            @B_LOAD@(b + pixel * @CHANNELS@ + channel, weights);
            UNROLL for (int i = 0; i < TAPS; i++) {
            int rest = first_tap + i;
@TAP_NUMBERS@
                if (!(first_tap + i < @WINDOW@@INSIDE@)) continue;
                const @A_TYPE@ *from = a_first + (@TAP_PLACE@) * @A_CHANNELS@;
@PRODUCTS@
            }
        }
    }
    UNROLL for (int i = 0; i < TAPS; i++) {
        barrier();
        UNROLL for (int v = 0; v < WIDTH; v++) shared[threadIdx.x * WIDTH + v] = sums[i][v];
        barrier();
        if (row > 0 || !inside || first_tap + i >= @WINDOW@) continue;
        ALIGNED(16) float result[WIDTH] = {0};
        for (int other = 0; other < ROWS; other++)
            UNROLL for (int v = 0; v < WIDTH; v++) result[v] += shared[(other * LANES + lane) * WIDTH + v];
        @STORE@(workspace + ((int64)blockIdx.y * @WINDOW@ + first_tap + i) * @CHANNELS@ + channel, result);
    }
