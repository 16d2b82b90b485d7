    SHARED float shared[32];
    const int64 row = (int64)blockIdx.x * @ROWS@ + threadIdx.x / @LANES@;
    const int lane = threadIdx.x % @LANES@, inside = row < batch * @POSITIONS@;
    ALIGNED(16) float values[@EACH@][@WIDTH@];
    ALIGNED(16) float slopes[@EACH@][@WIDTH@];
    float dot = 0.0f;
    UNROLL for (int i = 0; i < @EACH@; i++) {
        const int channel = (lane + i * @LANES@) * @WIDTH@;
        UNROLL for (int j = 0; j < @WIDTH@; j++) values[i][j] = slopes[i][j] = 0.0f;
        if (inside && channel < @CHANNELS@) {
            @LOAD@(y + row * @CHANNELS@ + channel, values[i]);
            @LOAD_SLOPE@(dy + row * @CHANNELS@ + channel, slopes[i]);
        }
        UNROLL for (int j = 0; j < @WIDTH@; j++) dot += values[i][j] * slopes[i][j];
    }
    dot = row_sum(dot, @LANES@, shared);
    UNROLL for (int i = 0; i < @EACH@; i++) {
        const int channel = (lane + i * @LANES@) * @WIDTH@;
        UNROLL for (int j = 0; j < @WIDTH@; j++) values[i][j] *= slopes[i][j] - dot;
        if (inside && channel < @CHANNELS@) @STORE@(dx + row * @CHANNELS@ + channel, values[i]);
    }
