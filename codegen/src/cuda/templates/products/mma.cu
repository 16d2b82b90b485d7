    // Tiles on the tensor cores: copies run STAGES - 1 tiles ahead; a warp computes @WARP_M@x@WARP_N@ results.
    enum { TILE_M = @TILE_M@, TILE_N = @TILE_N@, TILE_K = 64 / sizeof(real), WARP_M = @WARP_M@, WARP_N = @WARP_N@ };
    enum { THREADS = @THREADS@, STAGES = @STAGES@, SIXTEEN_BYTES = 16 / sizeof(real) };
    enum { A_WIDTH = @A_WIDTH@ < SIXTEEN_BYTES ? @A_WIDTH@ : SIXTEEN_BYTES, B_WIDTH = @B_WIDTH@ < SIXTEEN_BYTES ? @B_WIDTH@ : SIXTEEN_BYTES };
    enum { A_COUNT = TILE_M * TILE_K / A_WIDTH / THREADS, B_COUNT = TILE_N * TILE_K / B_WIDTH / THREADS };
    // Pitches that put the rows of a fragment into different banks.
    enum { A_PITCH = @A_PITCH@, B_PITCH = @B_PITCH@, A_SIZE = @A_SIZE@, STAGE = A_SIZE + @B_SIZE@, RESULT_PITCH = TILE_N + 8 };
    DYNAMIC_SHARED(real, shared);
@BLOCK@
@BEGIN@
@SHARE@
    // The warp's part of the tile, and its sums.
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int warp_m = warp / (TILE_N / WARP_N) * WARP_M, warp_n = warp % (TILE_N / WARP_N) * WARP_N;
    ALIGNED(16) float sums[WARP_M / 16][WARP_N / 8][4] = {{{0}}};
    for (int tile = first_tile + 1 - STAGES; tile < last_tile; tile++) {
        const int next = tile + STAGES - 1;
        if (tile >= first_tile) {
            copy_async_wait(STAGES - 2);
            barrier();
        }
        if (next < last_tile) {
            real *a_tile = shared + (next - first_tile) % STAGES * STAGE, *b_tile = a_tile + A_SIZE;
            const real *a_from[A_COUNT];
            const real *b_from[B_COUNT];
            int a_valid[A_COUNT], b_valid[B_COUNT];
@TILE@
            // Copies go on while the block computes.
            UNROLL for (int i = 0; i < A_COUNT; i++)
                stage(a_tile + @A_TO@, a_from[i], a_valid[i], A_WIDTH * sizeof(real));
            UNROLL for (int i = 0; i < B_COUNT; i++)
                stage(b_tile + @B_TO@, b_from[i], b_valid[i], B_WIDTH * sizeof(real));
        }
        copy_async_commit();
        if (tile >= first_tile) {
            const real *a_tile = shared + (tile - first_tile) % STAGES * STAGE, *b_tile = a_tile + A_SIZE;
            UNROLL for (int k = 0; k < TILE_K; k += MMA_K) {
                uint32 x[WARP_M / 16][4], y[WARP_N / 16][4];
                UNROLL for (int m = 0; m < WARP_M / 16; m++) @A_FRAGMENT@;
                UNROLL for (int n = 0; n < WARP_N / 16; n++) @B_FRAGMENT@;
                UNROLL for (int m = 0; m < WARP_M / 16; m++)
                    UNROLL for (int n = 0; n < WARP_N / 8; n++) mma(sums[m][n], x[m], &y[n / 2][n % 2 * 2]);
            }
        }
    }
    copy_async_wait(0);
    barrier();
    float *results = (float *)shared;
    UNROLL for (int m = 0; m < WARP_M / 16; m++)
        UNROLL for (int n = 0; n < WARP_N / 8; n++) {
            float *to = results + (warp_m + m * 16 + lane / 4) * RESULT_PITCH + warp_n + n * 8 + lane % 4 * 2;
            copy8(to, &sums[m][n][0]);
            copy8(to + 8 * RESULT_PITCH, &sums[m][n][2]);
        }
    barrier();
@STORE@
