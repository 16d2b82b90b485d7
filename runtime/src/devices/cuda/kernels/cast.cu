// Numbers as they are stored at this precision, four a thread.
KERNEL(nnc_cast, 256, 3)(const float *from, real *to, int64 len) {
    const int64 first = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * 4;
    for (int64 i = first; i < first + 4 && i < len; i++) to[i] = to_real(from[i]);
}
