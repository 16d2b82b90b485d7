    // Each set of neighbouring pixels has left the moments of its distances from the first of them.
    const int lane = threadIdx.x % @LANES@, row = threadIdx.x / @LANES@;
    const int channel = (int)blockIdx.y * @LANES@ + lane;
    const int64 pixels = @PIXELS@, share = @SHARE@, sets = (pixels + share - 1) / share;
    const int64 first = @FIRST@, end = @END@;
    float count = 0.0f, mean = 0.0f, squares = 0.0f, origin[1];
    if (channel < @CHANNELS@) {
        @LOAD@(x_at + first * share * @CHANNELS@ + channel, origin);
        // Several at once, as each waits for memory.
        for (int64 next = first + row; next < end; next += @AHEAD@ * @ROWS@) {
            float own[@AHEAD@] = {0}, own_mean[@AHEAD@] = {0}, own_squares[@AHEAD@] = {0}, own_origin[1];
            UNROLL for (int i = 0; i < @AHEAD@; i++) {
                const int64 set = next + i * @ROWS@, begin = set * share;
                if (set >= end) continue;
                own[i] = (float)(pixels - begin < share ? pixels - begin : share);
                @LOAD@(x_at + begin * @CHANNELS@ + channel, own_origin);
                own_mean[i] = workspace[set * @PITCH@ + channel] + (own_origin[0] - origin[0]);
                own_squares[i] = workspace[set * @PITCH@ + @CHANNELS@ + channel];
            }
            UNROLL for (int i = 0; i < @AHEAD@; i++) {
                merge_moments(count, &mean, &squares, own[i], own_mean[i], own_squares[i]);
                count += own[i];
            }
        }
    }
    SHARED float counts[@ROWS@ * @LANES@];
    SHARED float means[@ROWS@ * @LANES@];
    SHARED float spreads[@ROWS@ * @LANES@];
    counts[threadIdx.x] = count;
    means[threadIdx.x] = mean;
    spreads[threadIdx.x] = squares;
    for (int half = @ROWS@ / 2; half > 0; half /= 2) {
        barrier();
        if (row < half) {
            const int other = threadIdx.x + half * @LANES@;
            merge_moments(counts[threadIdx.x], means + threadIdx.x, spreads + threadIdx.x, counts[other], means[other],
                          spreads[other]);
            counts[threadIdx.x] += counts[other];
        }
    }
    if (row != 0 || channel >= @CHANNELS@) return;
@RESULT@