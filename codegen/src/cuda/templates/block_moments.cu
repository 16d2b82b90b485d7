    // Each set of neighbouring pixels has left the moments of its distances from the first of them.
    const int lane = threadIdx.x % @LANES@, row = threadIdx.x / @LANES@;
    const int channel = (int)blockIdx.y * @LANES@ + lane;
    const int64 pixels = @PIXELS@, share = @SHARE@, sets = (pixels + share - 1) / share;
    const int64 first = @FIRST@, end = @END@;
    float count = 0.0f, mean = 0.0f, squares = 0.0f, origin[1];
    if (channel < @CHANNELS@) {
        @LOAD@(x_at + first * share * @CHANNELS@ + channel, origin);
        for (int64 set = first + row; set < end; set += @ROWS@) {
            const int64 begin = set * share;
            const float own = (float)(pixels - begin < share ? pixels - begin : share);
            const float *from = workspace + set * @PITCH@ + channel;
            float own_origin[1];
            @LOAD@(x_at + begin * @CHANNELS@ + channel, own_origin);
            merge_moments(count, &mean, &squares, own, from[0] + (own_origin[0] - origin[0]), from[@CHANNELS@]);
            count += own;
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