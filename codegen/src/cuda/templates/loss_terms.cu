    SHARED float shared[32];
    const int64 sample = blockIdx.x / @PIECES@;
    const int first = (int)(blockIdx.x % @PIECES@) * @PIECE@;
    float sum = 0.0f;
    for (int i = threadIdx.x * @WIDTH@; i < @PIECE@ && first + i < @LEN@; i += blockDim.x * @WIDTH@) {
        const int64 index = sample * @LEN@ + first + i;
        ALIGNED(16) float terms[@WIDTH@];
@FUSED@        UNROLL for (int j = 0; j < @WIDTH@; j++) sum += terms[j];
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x != 0) return;
@RESULT@
