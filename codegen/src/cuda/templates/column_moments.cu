    const int lane = threadIdx.x % @LANES@, row = threadIdx.x / @LANES@;
    const int channel = ((int)blockIdx.y * @LANES@ + lane) * @WIDTH@;
@RANGE@    ALIGNED(16) float count = 0.0f, mean[@WIDTH@] = {0}, squares[@WIDTH@] = {0}, origin[@WIDTH@] = {0};
    if (first < end && channel < @CHANNELS@) @LOAD@(x_at + first * @CHANNELS@ + channel, origin);
    if (row < @ROWS@ && channel < @CHANNELS@)
        for (int64 pixel = first + row; pixel < end; pixel += @ROWS@) {
            ALIGNED(16) float x[@WIDTH@];
            @LOAD@(x_at + pixel * @CHANNELS@ + channel, x);
            count += 1.0f;
            const float share = 1.0f / count;
            UNROLL for (int i = 0; i < @WIDTH@; i++) add_to_moments(share, mean + i, squares + i, x[i] - origin[i]);
        }
    SHARED float counts[@THREADS@];
    SHARED float means[@WIDTH@ * @THREADS@];
    SHARED float spreads[@WIDTH@ * @THREADS@];
    counts[threadIdx.x] = count;
    UNROLL for (int i = 0; i < @WIDTH@; i++) {
        means[i * @THREADS@ + threadIdx.x] = mean[i];
        spreads[i * @THREADS@ + threadIdx.x] = squares[i];
    }
    for (int half = @HALF@; half > 0; half /= 2) {
        barrier();
        if (row < half && row + half < @ROWS@) {
            const int other = threadIdx.x + half * @LANES@;
            UNROLL for (int i = 0; i < @WIDTH@; i++)
                merge_moments(counts[threadIdx.x], means + i * @THREADS@ + threadIdx.x, spreads + i * @THREADS@ + threadIdx.x,
                              counts[other], means[i * @THREADS@ + other], spreads[i * @THREADS@ + other]);
            counts[threadIdx.x] += counts[other];
        }
    }
    if (row != 0 || channel >= @CHANNELS@) return;
    UNROLL for (int i = 0; i < @WIDTH@; i++) {
        mean[i] = means[i * @THREADS@ + threadIdx.x]@BACK@;
        squares[i] = spreads[i * @THREADS@ + threadIdx.x]@DIVISOR@;
    }
    @STORE_MEAN@(@MEAN@ + channel, mean);
    @STORE_SQUARES@(@SQUARES@ + channel, squares);
@FOLLOW@