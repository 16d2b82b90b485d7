// Counts a step that did not fail.
KERNEL(nnc_advance, 32, 1)(Step *step) {
    if (threadIdx.x == 0 && !step->not_finite) step->step += 1;
}
