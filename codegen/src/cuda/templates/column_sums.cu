    const int lane = threadIdx.x % @LANES@, row = threadIdx.x / @LANES@;
    const int channel = ((int)blockIdx.y * @LANES@ + lane) * @WIDTH@;
@RANGE@    ALIGNED(16) float @SUMS@;
    if (row < @ROWS@ && channel < @CHANNELS@)
        for (int64 pixel = first + row; pixel < end; pixel += @ROWS@) {
@ACCUMULATE@        }
    SHARED float shared[@WIDTH@ * @THREADS@];
@FOLDS@
