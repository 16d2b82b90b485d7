    const int lane = threadIdx.x % @LANES@, row = threadIdx.x / @LANES@;
    const int channel = (int)blockIdx.x * @LANES@ + lane;
    const int blocks = (int)(@BLOCKS@);
    const int64 pixels = @PIXELS@, share = (pixels + blocks - 1) / blocks;
    float count = 0.0f, mean = 0.0f, squares = 0.0f;
    if (channel < @CHANNELS@)
        for (int block = row; block < blocks; block += @ROWS@) {
            const int64 rest = pixels - block * share;
            const float own = rest < share ? (rest > 0 ? (float)rest : 0.0f) : (float)share;
            const float *from = workspace + (int64)block * (2 * @CHANNELS@) + channel;
            merge_moments(count, &mean, &squares, own, from[0], from[@CHANNELS@]);
            count += own;
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
    float channel_mean[1], channel_variance[1];
    @LOAD@(x_at + channel, channel_mean);
    channel_mean[0] += means[lane];
    channel_variance[0] = spreads[lane] / (float)pixels;
    @STORE_MEAN@(mean_at + channel, channel_mean);
    @STORE_VARIANCE@(variance_at + channel, channel_variance);
@FOLLOW@