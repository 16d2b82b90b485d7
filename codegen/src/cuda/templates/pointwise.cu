    const int64 vector = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (vector >= @VECTORS@) return;
    const int64 index = vector * @WIDTH@;
@PLACE@    ALIGNED(16) float @RESULTS@;
@FUSED@@STORES@
