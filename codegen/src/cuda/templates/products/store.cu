    // From shared memory, so that neighbours are stored, and what is fused is computed, as vectors.
    for (int vector = threadIdx.x; vector < TILE_M * (TILE_N / @WIDTH@); vector += THREADS) {
        const int row = vector / (TILE_N / @WIDTH@), column = vector % (TILE_N / @WIDTH@) * @WIDTH@;
        if (row >= rows_left || first_column + column >= @COLUMNS@) continue;
        int position = first_position + row;
        const int64 sample = first_sample + position / @RESULT_EXTENT@;
        position %= @RESULT_EXTENT@;
@TARGET@
        const int channel = group * @COLUMNS@ + first_column + column;
        const int64 pixel = sample * @POSITIONS@ + position;
        ALIGNED(16) float result[@WIDTH@];
        float_load@WIDTH@(results + row * RESULT_PITCH + column, result);
@FINISH@
    }
