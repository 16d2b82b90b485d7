    SHARED float shared[32];
@TOTAL@
    const float *terms = workspace + @OFFSET@ + (int64)blockIdx.x * @LEN@;
    float sum = 0.0f;
    for (int i = threadIdx.x; i < @LEN@; i += blockDim.x) sum += terms[i];
    sum = block_sum(sum, shared);
    const float result = @SCALE@ * sum;
    if (threadIdx.x == 0) @STORE@(loss + blockIdx.x, &result);
