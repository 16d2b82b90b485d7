// What kernel texts may use, in the subset of C that CUDA and C compilers share.
//
// A kernel is `KERNEL(name, threads, parameters)(…) { … }`, where `threads` is the size of its
// blocks and `parameters` their number; each parameter is eight bytes: a pointer or an `int64`. For
// `threads`, `AT_ONCE(threads, blocks)` gives a thread as many registers as let a multiprocessor run so many blocks. A
// text is compiled once per precision: `real` is the type of activations in memory, everything is
// computed in `float`. Before this file stands one of two preludes: `prelude.cuh` for the device, or
// `tests/cuda/prelude.h` for the proof on the processor. They define `FUNCTION`, `KERNEL`, `AT_ONCE`, `UNROLL`, `NO_UNROLL`,
// `SHARED`, `DYNAMIC_SHARED`, the barrier, shuffles, asynchronous copies, tensor-core products, and the
// conversions `from_real` and `to_real`.

// What the kernels of one step have in common; lies in device memory, so that a captured graph need
// not be changed from step to step.
typedef struct {
    uint64 seed;           // of the run
    uint64 step;           // steps so far, those that were skipped included
    uint32 not_finite;     // one of the below once a loss or gradient is NaN or infinite: nothing is updated then
    float gradient_scale;  // the loss scale of the gradients of the last step
    uint64 skipped;        // steps that were skipped
    float scale;           // the loss scale
    uint32 good_steps;     // since it changed, or a step was skipped
} Step;

// A step fails, and nothing is updated after it either; or, at half precision, it is skipped, because the
// loss scale may be too large.
enum { STEP_FAILED = 1, STEP_SKIPPED = 2 };

// Half precision has 65504 as its largest number and 6e-8 as its smallest. So that gradients lie between, they are those
// of the loss times a power of two, until the update divides them by it ("Mixed Precision Training", Micikevicius
// et al. 2018, section 3.2). Other precisions need none.
FUNCTION float loss_scale(const Step *step) {
#if REAL == REAL_HALF
    return step->scale;
#else
    return 1.0f;
#endif
}
// 1 / loss_scale without a division, which need not be exact.
FUNCTION float inverse_loss_scale(const Step *step) { return as_float(0x7f000000u - as_bits(loss_scale(step))); }

// Updates of the parameters so far.
FUNCTION uint64 updates(const Step *step) {
#if REAL == REAL_HALF
    return step->step - step->skipped;
#else
    return step->step;
#endif
}

// A maximum that is NaN if either operand is, as the language defines it.
FUNCTION float nnc_max(float a, float b) { return a > b || a != a ? a : b; }
FUNCTION float nnc_min(float a, float b) { return a < b || a != a ? a : b; }
FUNCTION float nnc_sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

FUNCTION int int_min(int a, int b) { return a < b ? a : b; }
FUNCTION int int_max(int a, int b) { return a > b ? a : b; }

// Eight, four or one neighbouring activations; the address is a multiple of their size.
FUNCTION void load1(const real *from, float *to) { to[0] = from_real(from[0]); }
FUNCTION void store1(real *to, const float *from) { to[0] = to_real(from[0]); }

#if REAL == REAL_FLOAT
FUNCTION void load4(const real *from, float *to) { copy16(to, from); }
FUNCTION void store4(real *to, const float *from) { copy16(to, from); }
FUNCTION void load8(const real *from, float *to) {
    load4(from, to);
    load4(from + 4, to + 4);
}
FUNCTION void store8(real *to, const float *from) {
    store4(to, from);
    store4(to + 4, from + 4);
}
#else
FUNCTION void load4(const real *from, float *to) {
    ALIGNED(8) real values[4];
    copy8(values, from);
    UNROLL for (int i = 0; i < 4; i++) to[i] = from_real(values[i]);
}
FUNCTION void store4(real *to, const float *from) {
    ALIGNED(8) real values[4];
    UNROLL for (int i = 0; i < 4; i++) values[i] = to_real(from[i]);
    copy8(to, values);
}
FUNCTION void load8(const real *from, float *to) {
    ALIGNED(16) real values[8];
    copy16(values, from);
    UNROLL for (int i = 0; i < 8; i++) to[i] = from_real(values[i]);
}
FUNCTION void store8(real *to, const float *from) {
    ALIGNED(16) real values[8];
    UNROLL for (int i = 0; i < 8; i++) values[i] = to_real(from[i]);
    copy16(to, values);
}
#endif

// The same for numbers that are `float` at every precision.
FUNCTION void float_load1(const float *from, float *to) { to[0] = from[0]; }
FUNCTION void float_store1(float *to, const float *from) { to[0] = from[0]; }
FUNCTION void float_load4(const float *from, float *to) { copy16(to, from); }
FUNCTION void float_store4(float *to, const float *from) { copy16(to, from); }
FUNCTION void float_load8(const float *from, float *to) {
    copy16(to, from);
    copy16(to + 4, from + 4);
}
FUNCTION void float_store8(float *to, const float *from) {
    copy16(to, from);
    copy16(to + 4, from + 4);
}

// Places of maxima in their windows, exact as `float`.
FUNCTION void place_load1(const uint16 *from, float *to) { to[0] = (float)from[0]; }
FUNCTION void place_store1(uint16 *to, const float *from) { to[0] = (uint16)from[0]; }
FUNCTION void place_load4(const uint16 *from, float *to) {
    ALIGNED(8) uint16 places[4];
    copy8(places, from);
    UNROLL for (int i = 0; i < 4; i++) to[i] = (float)places[i];
}
FUNCTION void place_store4(uint16 *to, const float *from) {
    ALIGNED(8) uint16 places[4];
    UNROLL for (int i = 0; i < 4; i++) places[i] = (uint16)from[i];
    copy8(to, places);
}
FUNCTION void place_load8(const uint16 *from, float *to) {
    ALIGNED(16) uint16 places[8];
    copy16(places, from);
    UNROLL for (int i = 0; i < 8; i++) to[i] = (float)places[i];
}
FUNCTION void place_store8(uint16 *to, const float *from) {
    ALIGNED(16) uint16 places[8];
    UNROLL for (int i = 0; i < 8; i++) places[i] = (uint16)from[i];
    copy16(to, places);
}

// Tiles of products in shared memory, and their fragments for the tensor cores. A tile has rows of
// `pitch` elements that begin at multiples of sixteen bytes; `MMA_K` is the depth of one product.
enum { MMA_K = 32 / sizeof(real) };

// Copies a power of two of elements, up to sixteen bytes, to shared memory; zeros if not `valid`.
FUNCTION void stage(real *shared, const real *global, int valid, int bytes) {
    if (bytes == 16)
        copy_async16(shared, global, valid);
    else if (bytes == 8)
        copy_async8(shared, global, valid);
    else if (bytes == 4)
        copy_async4(shared, global, valid);
    else
        *shared = valid ? *global : (real)0;
}

// d += a · b, for 16 rows and 8 columns.
FUNCTION void mma(float *d, const uint32 *a, const uint32 *b) {
#if REAL == REAL_FLOAT
    mma_tf32(d, a, b);
#else
    mma_real(d, a, b);
#endif
}

FUNCTION void round_fragment(uint32 *words) {
#if REAL == REAL_FLOAT
    UNROLL for (int i = 0; i < 4; i++) words[i] = to_tf32(as_float(words[i]));
#endif
}
// 16 rows of a from a tile of rows.
FUNCTION void fragment_a(uint32 *to, const real *tile, int pitch) {
    const int lane = threadIdx.x % 32;
    load_matrices(to, tile + lane % 16 * pitch + lane / 16 * (MMA_K / 2));
    round_fragment(to);
}
// 16 columns of b, as two fragments, from a tile whose rows are these columns.
FUNCTION void fragment_b(uint32 *to, const real *tile, int pitch) {
    const int lane = threadIdx.x % 32;
    load_matrices(to, tile + (lane % 8 + lane / 16 * 8) * pitch + lane / 8 % 2 * (MMA_K / 2));
    round_fragment(to);
}
// The same where the rows of the tile go along the depth.
FUNCTION void fragment_a_transposed(uint32 *to, const real *tile, int pitch) {
    const int lane = threadIdx.x % 32;
#if REAL == REAL_FLOAT
    UNROLL for (int i = 0; i < 4; i++) to[i] = as_bits(tile[(lane % 4 + i / 2 * 4) * pitch + lane / 4 + i % 2 * 8]);
    round_fragment(to);
#else
    load_matrices_transposed(to, tile + (lane % 8 + lane / 16 * 8) * pitch + lane / 8 % 2 * 8);
#endif
}
FUNCTION void fragment_b_transposed(uint32 *to, const real *tile, int pitch) {
    const int lane = threadIdx.x % 32;
#if REAL == REAL_FLOAT
    UNROLL for (int i = 0; i < 4; i++) to[i] = as_bits(tile[(lane % 4 + i % 2 * 4) * pitch + lane / 4 + i / 2 * 8]);
    round_fragment(to);
#else
    load_matrices_transposed(to, tile + lane % 16 * pitch + lane / 16 * 8);
#endif
}

// Sums and maxima over the 32 lanes of a warp; all lanes get the result, by the same tree every time.
FUNCTION float warp_sum(float x) {
    UNROLL for (int distance = 16; distance > 0; distance /= 2) x += shuffle_xor(x, distance);
    return x;
}
FUNCTION float warp_max(float x) {
    UNROLL for (int distance = 16; distance > 0; distance /= 2) x = nnc_max(x, shuffle_xor(x, distance));
    return x;
}

// The same over a block of whole warps; all threads get it. `shared` has room for 32.
FUNCTION float block_sum(float x, float *shared) {
    x = warp_sum(x);
    barrier();
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
    barrier();
    float sum = 0.0f;
    for (int warp = 0; warp < (int)blockDim.x / 32; warp++) sum += shared[warp];
    return sum;
}
FUNCTION float block_max(float x, float *shared) {
    x = warp_max(x);
    barrier();
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
    barrier();
    return warp_max(shared[threadIdx.x % 32 < blockDim.x / 32 ? threadIdx.x % 32 : 0]);
}

// The same over the `lanes` neighbouring threads that share a row: a power of two up to a warp, or the
// whole block.
FUNCTION float row_sum(float x, int lanes, float *shared) {
    if (lanes > 32) return block_sum(x, shared);
    UNROLL for (int distance = lanes / 2; distance > 0; distance /= 2) x += shuffle_xor(x, distance);
    return x;
}
FUNCTION float row_max(float x, int lanes, float *shared) {
    if (lanes > 32) return block_max(x, shared);
    UNROLL for (int distance = lanes / 2; distance > 0; distance /= 2) x = nnc_max(x, shuffle_xor(x, distance));
    return x;
}

// Mean and sum of squares about it with one more number, of which there are 1 / share then (Welford 1962).
FUNCTION void add_to_moments(float share, float *mean, float *squares, float x) {
    float delta = x - *mean;
    *mean += delta * share;
    *squares += delta * (x - *mean);
}
// Those of two sets together (Chan, Golub & LeVeque 1979).
FUNCTION void merge_moments(float count, float *mean, float *squares, float other, float other_mean,
                            float other_squares) {
    if (other == 0.0f) return;
    float share = other / (count + other), delta = other_mean - *mean;
    *mean += delta * share;
    *squares += other_squares + delta * delta * count * share;
}
// Those of neighbouring lanes of a warp, twice `distance` of them, together.
FUNCTION void warp_moments(float *count, float *mean, float *squares, int distance) {
    for (; distance > 0; distance /= 2) {
        float other = shuffle_xor(*count, distance), other_mean = shuffle_xor(*mean, distance);
        float other_squares = shuffle_xor(*squares, distance);
        merge_moments(*count, mean, squares, other, other_mean, other_squares);
        *count += other;
    }
}

// Four words of Philox4x32-10 (Salmon et al. 2011): block `index` of what `tag` names, at this step or in
// this epoch, the same as the processor draws (kernels/src/random.rs).
FUNCTION void philox_block(uint64 seed, uint64 round, uint32 tag, uint32 index, uint32 *words) {
    uint32 c0 = index, c1 = (uint32)round, c2 = (uint32)(round >> 32), c3 = tag;
    uint32 k0 = (uint32)seed, k1 = (uint32)(seed >> 32);
    UNROLL for (int turn = 0; turn < 10; turn++) {
        uint64 first = (uint64)c0 * 0xD2511F53u, second = (uint64)c2 * 0xCD9E8D57u;
        c0 = (uint32)(second >> 32) ^ c1 ^ k0;
        c1 = (uint32)second;
        c2 = (uint32)(first >> 32) ^ c3 ^ k1;
        c3 = (uint32)first;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}
// Those of stream `stream` of a network's random words.
FUNCTION void philox(const Step *step, uint32 stream, uint32 index, uint32 *words) {
    philox_block(step->seed, step->step, 1u << 24 | stream, index, words);
}

// A number in [0, 1): the upper 24 bits of a word.
FUNCTION float random_unit(uint32 word) { return (float)(word >> 8) * (1.0f / 16777216.0f); }

// Two independent normal numbers from two words (Box & Muller 1958). The nearest quarter of a turn is
// taken off, so that the polynomials, Cephes' as on the processor, see an eighth of a turn at most.
FUNCTION void random_normal_pair(uint32 first, uint32 second, float *to) {
    float radius = sqrtf(-2.0f * logf(random_unit(first) + 1.0f / 16777216.0f));
    uint32 quarter = (second + (1u << 29)) >> 30;
    float x = (float)(int)(second - (quarter << 30)) * 1.4629180793e-9f; // 2π / 2³²
    float square = x * x;
    float sine = ((-1.9515296e-4f * square + 8.332161e-3f) * square - 1.6666655e-1f) * square * x + x;
    float cosine = ((2.4433157e-5f * square - 1.3887316e-3f) * square + 4.1666646e-2f) * (square * square) -
                   0.5f * square + 1.0f;
    float near = quarter & 1 ? sine : cosine, far = quarter & 1 ? cosine : sine;
    to[0] = radius * ((quarter + 1) & 2 ? -near : near);
    to[1] = radius * (quarter & 2 ? -far : far);
}

// The four numbers of a block of a stream.
FUNCTION void random_uniform_block(const Step *step, uint32 stream, int64 block, float *to) {
    uint32 words[4];
    philox(step, stream, (uint32)block, words);
    UNROLL for (int i = 0; i < 4; i++) to[i] = random_unit(words[i]);
}
FUNCTION void random_normal_block(const Step *step, uint32 stream, int64 block, float *to) {
    uint32 words[4];
    philox(step, stream, (uint32)block, words);
    random_normal_pair(words[0], words[1], to);
    random_normal_pair(words[2], words[3], to + 2);
}
// Number `index` of a stream.
FUNCTION float random_uniform(const Step *step, uint32 stream, int64 index) {
    float block[4];
    random_uniform_block(step, stream, index / 4, block);
    const int place = (int)(index % 4);
    return place < 2 ? (place == 0 ? block[0] : block[1]) : (place == 2 ? block[2] : block[3]);
}
FUNCTION float random_normal(const Step *step, uint32 stream, int64 index) {
    float block[4];
    random_normal_block(step, stream, index / 4, block);
    const int place = (int)(index % 4);
    return place < 2 ? (place == 0 ? block[0] : block[1]) : (place == 2 ? block[2] : block[3]);
}

// Element `output` of an axis of `after` is the one here of an axis of `before`, mixed with `share` of
// the next. Centres lie at i + 1/2; linear places are counted in units of 1 / (2 after), so they are exact.
FUNCTION int resize_tap(int linear, int output, int before, int after, float *share) {
    *share = 0.0f;
    if (!linear) {
        // In single precision as PyTorch has it, whose rounding is part of the meaning.
        const int low = (int)((float)output * ((float)before / (float)after));
        return low < before ? low : before - 1;
    }
    int64 place = (int64)(2 * output + 1) * before - after;
    if (place < 0) place = 0;
    const int low = (int)(place / (2 * after));
    if (low + 1 < before) *share = (float)(place - (int64)low * 2 * after) / (float)(2 * after);
    return low;
}
// The share that element `input` has in `output`.
FUNCTION float resize_weight(int linear, int output, int input, int before, int after) {
    float share;
    const int low = resize_tap(linear, output, before, after, &share);
    return low == input ? 1.0f - share : low + 1 == input ? share : 0.0f;
}
// The outputs that `input` may have a share in: from here …
FUNCTION int resize_first(int linear, int input, int before, int after) {
    const int64 first = linear ? ((int64)(2 * input - 1) * after - before) / (2 * before)
                               : (int64)input * after / before - 1;
    return first > 0 ? (int)first : 0;
}
// … to before here.
FUNCTION int resize_end(int linear, int input, int before, int after) {
    const int64 end = linear ? ((int64)(2 * input + 3) * after - before) / (2 * before) + 1
                             : (int64)(input + 1) * after / before + 2;
    return end < after ? (int)end : after;
}
