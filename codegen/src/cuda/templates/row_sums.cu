#ifndef NNC_ROW_SUMS
#define NNC_ROW_SUMS
// Over all threads of the block, which all get the result; `shared` has a number per warp.
FUNCTION float row_block_sum(float x, float *shared) {
    x = warp_sum(x);
    barrier();
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
    barrier();
    return warp_sum(threadIdx.x % 32 < blockDim.x / 32 ? shared[threadIdx.x % 32] : 0.0f);
}
FUNCTION float row_block_max(float x, float *shared) {
    x = warp_max(x);
    barrier();
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
    barrier();
    return warp_max(shared[threadIdx.x % 32 < blockDim.x / 32 ? threadIdx.x % 32 : 0]);
}
// Over the `lanes` neighbouring threads that share a row: a power of two up to a warp, or the block.
FUNCTION float row_sum(float x, int lanes, float *shared) {
    if (lanes > 32) return row_block_sum(x, shared);
    UNROLL for (int distance = lanes / 2; distance > 0; distance /= 2) x += shuffle_xor(x, distance);
    return x;
}
FUNCTION float row_max(float x, int lanes, float *shared) {
    if (lanes > 32) return row_block_max(x, shared);
    UNROLL for (int distance = lanes / 2; distance > 0; distance /= 2) x = nnc_max(x, shuffle_xor(x, distance));
    return x;
}
#endif
