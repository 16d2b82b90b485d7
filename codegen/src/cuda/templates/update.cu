    const int64 index = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * @WIDTH@;
    if (index >= @LEN@ || step->not_finite) return;
@UNIFORM@    ALIGNED(16) float @ARRAYS@;
@LOADS@    UNROLL for (int i = 0; i < @WIDTH@; i++) {
@EXPRESSIONS@    }
@STORES@#if REAL != REAL_FLOAT
    store@WIDTH@(parameter_real_at + index, parameter);
#endif
