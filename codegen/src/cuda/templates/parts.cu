    const int64 vector = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (vector >= batch * (@ROWS@ * @VECTORS@)) return;
    const int64 row = vector / @VECTORS@;
    const int channel = (int)(vector % @VECTORS@) * @WIDTH@ + @FIRST@;
    ALIGNED(16) float values[@WIDTH@];
@MOVES@
