    // Tiles in single precision: each thread sums @THREAD_M@x@THREAD_N@ results from registers, while the next
    // tiles of a and b are on their way to the other half of shared memory.
    enum { TILE_M = @TILE_M@, TILE_N = @TILE_N@, TILE_K = @TILE_K@, THREADS = @THREADS@, A_WIDTH = @A_WIDTH@, B_WIDTH = @B_WIDTH@ };
    enum { A_COUNT = TILE_M * TILE_K / A_WIDTH / THREADS, B_COUNT = TILE_N * TILE_K / B_WIDTH / THREADS };
    enum { A_PITCH = TILE_M + 4, B_PITCH = TILE_N + 4, STAGE = TILE_K * (A_PITCH + B_PITCH), RESULT_PITCH = TILE_N + 4 };
    enum { ALONG = TILE_N / @THREAD_N@, DOWN = TILE_M / @THREAD_M@ };
    DYNAMIC_SHARED(float, shared);
@BLOCK@
@BEGIN@
@SHARE@
    // The thread's part of the tile, and its sums.
    const int own_m = threadIdx.x / ALONG * 4, own_n = threadIdx.x % ALONG * 4;
    float sums[@THREAD_M@][@THREAD_N@] = {{0}};
    for (int tile = first_tile - 1; tile < last_tile; tile++) {
        const int next = tile + 1;
        ALIGNED(16) float a_values[A_COUNT * A_WIDTH] = {0};
        ALIGNED(16) float b_values[B_COUNT * B_WIDTH] = {0};
        if (next < last_tile) {
            const @A_TYPE@ *a_from[A_COUNT];
            const @B_TYPE@ *b_from[B_COUNT];
            int a_valid[A_COUNT], b_valid[B_COUNT];
@TILE@
            // Loads go on while the block computes.
            UNROLL for (int i = 0; i < A_COUNT; i++)
                if (a_valid[i]) @A_LOAD@(a_from[i], a_values + i * A_WIDTH);
            UNROLL for (int i = 0; i < B_COUNT; i++)
                if (b_valid[i]) @B_LOAD@(b_from[i], b_values + i * B_WIDTH);
        }
        if (tile >= first_tile) {
            const float *a_tile = shared + tile % 2 * STAGE + own_m, *b_tile = shared + tile % 2 * STAGE + TILE_K * A_PITCH + own_n;
            UNROLL for (int k = 0; k < TILE_K; k++) {
                ALIGNED(16) float x[@THREAD_M@], y[@THREAD_N@];
                UNROLL for (int m = 0; m < @THREAD_M@; m += 4) copy16(x + m, a_tile + k * A_PITCH + m * DOWN);
                UNROLL for (int n = 0; n < @THREAD_N@; n += 4) copy16(y + n, b_tile + k * B_PITCH + n * ALONG);
                UNROLL for (int m = 0; m < @THREAD_M@; m++)
                    UNROLL for (int n = 0; n < @THREAD_N@; n++) sums[m][n] += x[m] * y[n];
            }
        }
        if (next < last_tile) {
            float *a_tile = shared + next % 2 * STAGE, *b_tile = a_tile + TILE_K * A_PITCH;
            UNROLL for (int i = 0; i < A_COUNT; i++) {
                @A_STORE@
            }
            UNROLL for (int i = 0; i < B_COUNT; i++) {
                @B_STORE@
            }
        }
        barrier();
    }
    float *results = shared;
    UNROLL for (int m = 0; m < @THREAD_M@; m++)
        UNROLL for (int n = 0; n < @THREAD_N@; n += 4)
            copy16(results + (own_m + m % 4 + m / 4 * 4 * DOWN) * RESULT_PITCH + own_n + n * ALONG, &sums[m][n]);
    barrier();
@STORE@
