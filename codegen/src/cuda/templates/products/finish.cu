    // Goes on from the plain product that a library has left.
    const int64 vector = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    const int64 pixel = vector / (@CHANNELS@ / @WIDTH@);
    const int channel = (int)(vector % (@CHANNELS@ / @WIDTH@)) * @WIDTH@;
    if (pixel >= @PIXELS@) return;
    ALIGNED(16) float result[@WIDTH@];
    @LOAD@(@PRODUCT@ + vector * @WIDTH@, result);
@FINISH@
