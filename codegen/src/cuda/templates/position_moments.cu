    const int lane = threadIdx.x % @LANES@;
    const int64 pixel = ((int64)blockIdx.x * blockDim.x + threadIdx.x) / @LANES@;
    float count = 0.0f, mean = 0.0f, squares = 0.0f, origin = 0.0f;
    if (pixel < @PIXELS@) @LOAD_ONE@(x_at + pixel * @CHANNELS@, &origin);
    ALIGNED(16) float means[@WIDTH@] = {0}, spreads[@WIDTH@] = {0};
    if (pixel < @PIXELS@)
        for (int channel = lane * @WIDTH@; channel < @CHANNELS@; channel += @LANES@ * @WIDTH@) {
            ALIGNED(16) float x[@WIDTH@];
            @LOAD@(x_at + pixel * @CHANNELS@ + channel, x);
            count += 1.0f;
            const float share = 1.0f / count;
            UNROLL for (int i = 0; i < @WIDTH@; i++) add_to_moments(share, means + i, spreads + i, x[i] - origin);
        }
    UNROLL for (int i = 0; i < @WIDTH@; i++)
        merge_moments((float)i * count, &mean, &squares, count, means[i], spreads[i]);
    count *= @WIDTH@;
    warp_moments(&count, &mean, &squares, @LANES@ / 2);
    mean += origin;
    squares /= (float)@CHANNELS@;
    if (lane != 0 || pixel >= @PIXELS@) return;
    @STORE_MEAN@(mean_at + pixel, &mean);
    @STORE_VARIANCE@(variance_at + pixel, &squares);
