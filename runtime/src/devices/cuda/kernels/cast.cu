// Copies of what is `float` as activations are stored.

// Eight at once: to[i] = from[i] from `first` on, as far as there are `count` in all; both begin at a multiple of eight.
FUNCTION void nnc_cast8(const float *__restrict__ from, real *__restrict__ to, int64 first, int64 count) {
    if (first + 8 <= count) {
        ALIGNED(16) float values[8];
        float_load8(from + first, values);
        store8(to + first, values);
    } else {
        for (int64 i = first; i < count; i++) store1(to + i, from + i);
    }
}

// to[i] = from[i] for `count` elements.
KERNEL(nnc_cast, 256, 3)(const float *__restrict__ from, real *__restrict__ to, int64 count) {
    nnc_cast8(from, to, ((int64)blockIdx.x * blockDim.x + threadIdx.x) * 8, count);
}

// A batch that was sent in one piece: inputs, which there are blocks for, then target values, then labels.
KERNEL(nnc_take, 256, 7)
(const float *__restrict__ from, real *__restrict__ inputs, uint32 *__restrict__ targets, uint32 *__restrict__ labels,
 int64 input_count, int64 target_count, int64 label_count) {
    const int64 thread = (int64)blockIdx.x * blockDim.x + threadIdx.x, threads = (int64)gridDim.x * blockDim.x;
    nnc_cast8(from, inputs, thread * 8, input_count);
    const uint32 *rest = (const uint32 *)(from + input_count);
    for (int64 i = thread; i < target_count; i += threads) targets[i] = rest[i];
    for (int64 i = thread; i < label_count; i += threads) labels[i] = rest[target_count + i];
}
