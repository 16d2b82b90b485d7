// Looks for NaN and infinities.

FUNCTION int nnc_is_finite(float x) { return (as_bits(x) & 0x7f800000u) != 0x7f800000u; }

// What becomes of a step with a gradient that is not finite.
FUNCTION uint32 nnc_verdict(const Step *step) { return loss_scale(step) > 1.0f ? STEP_SKIPPED : STEP_FAILED; }

// Sets the flag of the step if one of `count` gradients is not finite, unless its loss was not. Any number of
// blocks; those that find one write the same.
KERNEL(nnc_finite, 256, 3)(const float *__restrict__ values, int64 count, Step *step) {
    const int64 stride = (int64)gridDim.x * blockDim.x * 4;
    int finite = 1;
    for (int64 first = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * 4; first < count; first += stride) {
        ALIGNED(16) float four[4] = {0};
        if (first + 4 <= count)
            float_load4(values + first, four);
        else
            for (int i = 0; first + i < count; i++) four[i] = values[first + i];
        UNROLL for (int i = 0; i < 4; i++) finite &= nnc_is_finite(four[i]);
    }
    if (!finite && !step->not_finite) step->not_finite = nnc_verdict(step);
}
