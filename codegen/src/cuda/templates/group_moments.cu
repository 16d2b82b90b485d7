    const int64 sample = blockIdx.x / @GROUPS@;
    const int group = (int)(blockIdx.x % @GROUPS@);
    float count = 0.0f, mean = 0.0f, squares = 0.0f, origin;
    @LOAD_ONE@(x_at + sample * (@POSITIONS@ * @CHANNELS@) + group * @SIZE@, &origin);
    {
        ALIGNED(16) float means[@WIDTH@] = {0}, spreads[@WIDTH@] = {0};
        for (int item = threadIdx.x; item < @ITEMS@; item += @THREADS@) {
            const int64 pixel = sample * @POSITIONS@ + item / @VECTORS@;
            ALIGNED(16) float x[@WIDTH@];
            @LOAD@(x_at + pixel * @CHANNELS@ + group * @SIZE@ + item % @VECTORS@ * @WIDTH@, x);
            count += 1.0f;
            const float share = 1.0f / count;
            UNROLL for (int i = 0; i < @WIDTH@; i++) add_to_moments(share, means + i, spreads + i, x[i] - origin);
        }
        UNROLL for (int i = 0; i < @WIDTH@; i++)
            merge_moments((float)i * count, &mean, &squares, count, means[i], spreads[i]);
    }
    count *= @WIDTH@;
    warp_moments(&count, &mean, &squares, 16);
    SHARED float counts[32];
    SHARED float means[32];
    SHARED float spreads[32];
    if (threadIdx.x % 32 == 0) {
        counts[threadIdx.x / 32] = count;
        means[threadIdx.x / 32] = mean;
        spreads[threadIdx.x / 32] = squares;
    }
    barrier();
    count = mean = squares = 0.0f;
    for (int warp = 0; warp < @THREADS@ / 32; warp++) {
        merge_moments(count, &mean, &squares, counts[warp], means[warp], spreads[warp]);
        count += counts[warp];
    }
    mean += origin;
    squares /= (float)(@ITEMS@ * @WIDTH@);
    for (int i = threadIdx.x; i < @SIZE@; i += @THREADS@) {
        const int64 place = sample * @CHANNELS@ + group * @SIZE@ + i;
        @STORE_MEAN@(mean_at + place, &mean);
        @STORE_VARIANCE@(variance_at + place, &squares);
    }
