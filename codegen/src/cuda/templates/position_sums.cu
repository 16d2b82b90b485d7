    const int lane = threadIdx.x % @LANES@;
    const int64 pixel = ((int64)blockIdx.x * blockDim.x + threadIdx.x) / @LANES@;
    ALIGNED(16) float @SUMS@;
    if (pixel < @PIXELS@)
        NO_UNROLL for (int channel = lane * @WIDTH@; channel < @CHANNELS@; channel += @LANES@ * @WIDTH@) {
@ACCUMULATE@        }
@FOLDS@
