    // Sums what the splits of the depth left, always in their order.
    const int64 vector = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    const int64 pixel = vector / (@CHANNELS@ / @WIDTH@), len = @PIXELS@ * @CHANNELS@;
    const int channel = (int)(vector % (@CHANNELS@ / @WIDTH@)) * @WIDTH@;
    if (vector * @WIDTH@ >= len) return;
    ALIGNED(16) float result[@WIDTH@], part[@WIDTH@];
    float_load@WIDTH@(workspace + vector * @WIDTH@, result);
    for (int split = 1; split < @SPLITS@; split++) {
        float_load@WIDTH@(workspace + split * len + vector * @WIDTH@, part);
        UNROLL for (int i = 0; i < @WIDTH@; i++) result[i] += part[i];
    }
@FINISH@
