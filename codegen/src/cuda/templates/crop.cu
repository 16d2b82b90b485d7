    const int64 vector = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (vector >= batch * (@LEN@ / @WIDTH@)) return;
    const int64 sample = vector / (@LEN@ / @WIDTH@);
    const int element = (int)(vector % (@LEN@ / @WIDTH@)) * @WIDTH@;
    int rest = element, source = 0, inside = 1;
@SOURCE@
    ALIGNED(16) float values[@WIDTH@] = {0};
    if (inside) @LOAD@(x + sample * @INPUT@ + source, values);
    @STORE@(y + sample * @LEN@ + element, values);
