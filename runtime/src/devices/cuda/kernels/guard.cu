// A step that fails leaves no trace.

// Puts `count` states back to what they were before the step, if it has failed.
KERNEL(nnc_restore, 256, 4)(float *__restrict__ states, const float *__restrict__ saved, int64 count, const Step *step) {
    const int64 first = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * 4;
    if (!step->not_finite) return;
    if (first + 4 <= count)
        copy16(states + first, saved + first);
    else
        for (int64 i = first; i < count; i++) states[i] = saved[i];
}

// Keeps `count` states before a step; nothing once a step has failed, so that what is kept stays good.
KERNEL(nnc_save, 256, 4)(const float *__restrict__ states, float *__restrict__ saved, int64 count, const Step *step) {
    const int64 first = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * 4;
    if (step->not_finite) return;
    if (first + 4 <= count)
        copy16(saved + first, states + first);
    else
        for (int64 i = first; i < count; i++) saved[i] = states[i];
}

// One update more, unless the step has failed.
KERNEL(nnc_advance, 32, 1)(Step *step) {
    if (threadIdx.x == 0 && !step->not_finite) step->step++;
}
