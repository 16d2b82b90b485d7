// A step that fails leaves no trace, and one that is skipped none but on the loss scale.

// Puts `count` states back to what they were before the step, if it has failed or is skipped.
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

// Half as large after a step that is skipped, and twice as large after so many good ones, as torch.amp.GradScaler has
// it. The bound, that of NVIDIA's Apex, keeps it finite where all gradients are zero.
enum { NNC_GROWTH = 2000, NNC_LARGEST_SCALE = 1 << 24 };
FUNCTION void nnc_rescale(Step *step) {
    step->gradient_scale = step->scale;
    if (step->not_finite == STEP_SKIPPED) {
        step->not_finite = 0;
        step->skipped++;
        step->good_steps = 0;
        step->scale *= 0.5f;
    } else if (!step->not_finite && ++step->good_steps == NNC_GROWTH) {
        step->good_steps = 0;
        if (step->scale < NNC_LARGEST_SCALE) step->scale *= 2.0f;
    }
}

// The end of a step: it counts, unless it has failed.
KERNEL(nnc_advance, 32, 1)(Step *step) {
    if (threadIdx.x != 0) return;
#if REAL == REAL_HALF
    nnc_rescale(step);
#endif
    if (!step->not_finite) step->step++;
}
