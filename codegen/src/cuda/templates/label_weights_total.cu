    const int64 parts = (batch * @POSITIONS@ + @PART@ - 1) / @PART@;
    float total = 0.0f;
    for (int i = threadIdx.x; i < parts && i < @MOST_PARTS@; i += blockDim.x) total += workspace[i];
    total = block_sum(total, shared);
