    const float share = count > 0 ? 1.0f / (float)count : 0.0f;
    UNROLL for (int i = 0; i < @WIDTH@; i++) {
        const float sum = mean[i];
        mean[i] *= share;
        squares[i] -= mean[i] * sum;
    }
    // The threads of a column together: their mean first, then the squares about it.
    enum { OWNERS = THREADS * @WIDTH@ / TILE_N };
    float *origins = results, *means = origins + THREADS * @WIDTH@, *spreads = means + THREADS * @WIDTH@;
    barrier();
    @STORE@(origins + threadIdx.x * @WIDTH@, origin);
    @STORE@(means + threadIdx.x * @WIDTH@, mean);
    @STORE@(spreads + threadIdx.x * @WIDTH@, squares);
    barrier();
    for (int column = threadIdx.x; column < TILE_N && first_column + column < @COLUMNS@; column += THREADS) {
        float whole_mean = 0.0f, whole_squares = 0.0f;
        for (int owner = 0; owner < OWNERS; owner++) {
            const int at = owner * TILE_N + column, own = (rows_left - owner + OWNERS - 1) / OWNERS;
            whole_mean += (float)own * (means[at] + (origins[at] - origins[column]));
        }
        whole_mean /= (float)rows_left;
        for (int owner = 0; owner < OWNERS; owner++) {
            const int at = owner * TILE_N + column, own = (rows_left - owner + OWNERS - 1) / OWNERS;
            const float apart = means[at] + (origins[at] - origins[column]) - whole_mean;
            whole_squares += spreads[at] + (float)own * apart * apart;
        }
        float *to = workspace + first_row / TILE_M * (2 * @CHANNELS@) + group * @COLUMNS@ + first_column + column;
        to[0] = whole_mean;
        to[@CHANNELS@] = whole_squares;
    }
