    SHARED float shared[32];
@WEIGHTS@
    float sum = 0.0f;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < batch * @POSITIONS@; i += (int64)gridDim.x * blockDim.x)
        if (labels[i] >= 0 && labels[i] < @CHANNELS@) sum += class_weights[labels[i]];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) workspace[blockIdx.x] = sum;
