// Sets the flag of the step if there is a NaN or an infinity; all who set it write the same.
KERNEL(nnc_finite, 256, 3)(const float *values, int64 len, Step *step) {
    int bad = 0;
    const int64 stride = (int64)gridDim.x * blockDim.x;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < len; i += stride) {
        bad |= !(fabsf(values[i]) <= 3.402823466e38f);
    }
    if (bad) step->not_finite = 1;
}
