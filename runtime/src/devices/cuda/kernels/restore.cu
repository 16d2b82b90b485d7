// Takes back what a step that failed has done to the states.
KERNEL(nnc_restore, 256, 4)(float *states, const float *saved, int64 len, const Step *step) {
    const int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < len && step->not_finite) states[i] = saved[i];
}
