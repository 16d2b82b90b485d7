    SHARED float shared[32];
    const int64 row = (int64)blockIdx.x * @ROWS@ + threadIdx.x / @LANES@;
    const int lane = threadIdx.x % @LANES@, inside = row < batch * @POSITIONS@;
    ALIGNED(16) float values[@EACH@][@WIDTH@];
    float maximum = as_float(0xff800000u), sum = 0.0f;
    UNROLL for (int i = 0; i < @EACH@; i++) {
        const int channel = (lane + i * @LANES@) * @WIDTH@;
        UNROLL for (int j = 0; j < @WIDTH@; j++) values[i][j] = as_float(0xff800000u);
        if (inside && channel < @CHANNELS@) @LOAD@(x + row * @CHANNELS@ + channel, values[i]);
        UNROLL for (int j = 0; j < @WIDTH@; j++) maximum = nnc_max(maximum, values[i][j]);
    }
    maximum = row_max(maximum, @LANES@, shared);
    UNROLL for (int i = 0; i < @EACH@; i++)
    UNROLL for (int j = 0; j < @WIDTH@; j++) sum += @EXPONENTIAL@;
    sum = row_sum(sum, @LANES@, shared);
@RESULT@
