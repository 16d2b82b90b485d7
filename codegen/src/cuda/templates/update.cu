    const int64 index = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * @WIDTH@;
    if (index >= @LEN@ || step->not_finite) return;
@UNIFORM@    ALIGNED(16) float @ARRAYS@;
@LOADS@    const float unscale = inverse_loss_scale(step);
    UNROLL for (int i = 0; i < @WIDTH@; i++) {
        gradient[i] *= unscale;
@EXPRESSIONS@    }
@STORES@#if REAL != REAL_FLOAT
    store@WIDTH@(parameter_real_at + index, parameter);
#endif
