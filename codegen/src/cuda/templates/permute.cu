    const int64 vector = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (vector >= batch * (@LEN@ / @WIDTH@)) return;
    const int64 sample = vector / (@LEN@ / @WIDTH@);
    const int element = (int)(vector % (@LEN@ / @WIDTH@)) * @WIDTH@;
    ALIGNED(16) float values[@WIDTH@];
    UNROLL for (int part = 0; part < @WIDTH@; part += @TOGETHER@) {
        int rest = element + part, source = 0;
@SOURCE@
        @LOAD@(x + sample * @LEN@ + source, values + part);
    }
    @STORE@(y + sample * @LEN@ + element, values);
