// Copies of what is `float` as activations are stored.

// to[i] = from[i] for `count` elements; both begin at a multiple of eight.
KERNEL(nnc_cast, 256, 3)(const float *__restrict__ from, real *__restrict__ to, int64 count) {
    const int64 first = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * 8;
    if (first + 8 <= count) {
        ALIGNED(16) float values[8];
        float_load8(from + first, values);
        store8(to + first, values);
    } else {
        for (int64 i = first; i < count; i++) store1(to + i, from + i);
    }
}
