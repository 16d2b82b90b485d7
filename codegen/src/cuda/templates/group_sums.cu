    const int64 sample = blockIdx.x / @GROUPS@;
    const int group = (int)(blockIdx.x % @GROUPS@);
    ALIGNED(16) float @SUMS@;
    for (int item = threadIdx.x; item < @ITEMS@; item += @THREADS@) {
        const int64 pixel = sample * @POSITIONS@ + item / @VECTORS@;
        const int channel = group * @SIZE@ + item % @VECTORS@ * @WIDTH@;
@ACCUMULATE@    }
    SHARED float shared[32];
@FOLDS@
