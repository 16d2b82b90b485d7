// The processor's side of the kernel language (runtime/src/emitted/cuda/common.h), for proofs
// without a GPU: a C compiler makes a shared library of this file and the kernel texts, in which
// the threads of a block run as fibers, one after the other. What a GPU leaves undefined stops the
// program here: barriers that not all threads of a block reach, shuffles that not all lanes of a
// warp reach.
//
// `nnc_launch` runs a kernel. Threads take turns at barriers alone, so a missing barrier shows as a
// difference between lanes run forward and in reverse.

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL_FLOAT 0
#define REAL_BF16 1
#define REAL_HALF 2

typedef long long int64;
typedef unsigned int uint32;
typedef unsigned long long uint64;
typedef unsigned short uint16;

#define FUNCTION static inline __attribute__((unused))
#define KERNEL(name, threads, parameters)       \
    const int name##_parameters = (parameters); \
    const int name##_threads = (threads);       \
    void name
#define AT_ONCE(threads, blocks) threads
#define UNROLL
#define NO_UNROLL
#define ALIGNED(bytes) _Alignas(bytes)
#define SHARED static _Alignas(16) __attribute__((section("nnc_shared")))
#define DYNAMIC_SHARED(type, name) type *name = (type *)nnc_dynamic_shared
#define barrier() nnc_block_barrier(__LINE__)
#define warp_barrier() nnc_warp_barrier(__LINE__)

#include "fibers.c"

FUNCTION float as_float(uint32 bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}
FUNCTION uint32 as_bits(float x) {
    uint32 bits;
    memcpy(&bits, &x, 4);
    return bits;
}
FUNCTION float shuffle_xor(float x, int distance) {
    uint32 words[1] = {as_bits(x)};
    const uint32(*all)[NNC_WORDS] = nnc_exchange(words, 1, __LINE__);
    return as_float(all[nnc_lane() ^ distance][0]);
}
FUNCTION int shuffle_xor_int(int x, int distance) {
    uint32 words[1] = {(uint32)x};
    const uint32(*all)[NNC_WORDS] = nnc_exchange(words, 1, __LINE__);
    return (int)all[nnc_lane() ^ distance][0];
}
// Misaligned vectors are an error on the device, so they are one here.
FUNCTION void nnc_aligned(const void *address, int bytes) {
    if ((uintptr_t)address % bytes != 0) nnc_fail("an address is no multiple of the vector's size", bytes);
}
FUNCTION void copy16(void *to, const void *from) {
    nnc_aligned(to, 16), nnc_aligned(from, 16);
    memcpy(to, from, 16);
}
FUNCTION void copy8(void *to, const void *from) {
    nnc_aligned(to, 8), nnc_aligned(from, 8);
    memcpy(to, from, 8);
}

#if REAL == REAL_FLOAT
typedef float real;
FUNCTION float from_real(real x) { return x; }
FUNCTION real to_real(float x) { return x; }
#elif REAL == REAL_BF16
typedef uint16 real;
FUNCTION float from_real(real x) { return as_float((uint32)x << 16); }
FUNCTION real to_real(float x) {
    uint32 bits = as_bits(x);
    if (x != x) return 0x7fff;
    return (real)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
#else
typedef uint16 real;
FUNCTION float from_real(real x) {
    _Float16 y;
    memcpy(&y, &x, 2);
    return (float)y;
}
FUNCTION real to_real(float x) {
    _Float16 y = (_Float16)x;
    real bits;
    memcpy(&bits, &y, 2);
    return bits;
}
#endif

// Done at once: a kernel that reads too early is not caught by this, one that reads without a
// barrier is. The bytes of a copy that is not waited for are NaN until then.
FUNCTION void copy_async16(void *shared, const void *global, int valid) {
    nnc_aligned(shared, 16), nnc_aligned(global, valid ? 16 : 1);
    nnc_copy_later(shared, valid ? global : NULL, 16);
}
FUNCTION void copy_async8(void *shared, const void *global, int valid) {
    nnc_aligned(shared, 8), nnc_aligned(global, valid ? 8 : 1);
    nnc_copy_later(shared, valid ? global : NULL, 8);
}
FUNCTION void copy_async4(void *shared, const void *global, int valid) {
    nnc_aligned(shared, 4), nnc_aligned(global, valid ? 4 : 1);
    nnc_copy_later(shared, valid ? global : NULL, 4);
}
FUNCTION void copy_async_commit(void) { nnc_copy_commit(); }
FUNCTION void copy_async_wait(int pending) { nnc_copy_wait(pending); }

FUNCTION uint32 to_tf32(float x) {
    uint32 bits = as_bits(x);
    return (bits + 0x1000) & 0xffffe000u; // to nearest, ties away from zero
}

// d[row][column] of the lane's four results, from the fragments of all lanes.
FUNCTION void mma_tf32(float *d, const uint32 *a, const uint32 *b) {
    uint32 words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
    const uint32(*all)[NNC_WORDS] = nnc_exchange(words, 6, __LINE__);
    int group = nnc_lane() / 4, member = nnc_lane() % 4;
    for (int i = 0; i < 4; i++) {
        int row = group + i / 2 * 8, column = member * 2 + i % 2;
        for (int k = 0; k < 8; k++) {
            // a: rows by group, columns by member; words 0 and 1 are rows 0-7 and 8-15 of columns 0-3, 2 and 3 of 4-7.
            uint32 x = all[row % 8 * 4 + k % 4][row / 8 + k / 4 * 2];
            uint32 y = all[column * 4 + k % 4][4 + k / 4];
            d[i] += as_float(x & 0xffffe000u) * as_float(y & 0xffffe000u);
        }
    }
}

#if REAL != REAL_FLOAT
FUNCTION void mma_real(float *d, const uint32 *a, const uint32 *b) {
    uint32 words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
    const uint32(*all)[NNC_WORDS] = nnc_exchange(words, 6, __LINE__);
    int group = nnc_lane() / 4, member = nnc_lane() % 4;
    for (int i = 0; i < 4; i++) {
        int row = group + i / 2 * 8, column = member * 2 + i % 2;
        for (int k = 0; k < 16; k++) {
            uint32 x = all[row % 8 * 4 + k % 8 / 2][row / 8 + k / 8 * 2];
            uint32 y = all[column * 4 + k % 8 / 2][4 + k / 8];
            d[i] += from_real((real)(x >> k % 2 * 16)) * from_real((real)(y >> k % 2 * 16));
        }
    }
}
#endif

// Row addresses come from all lanes; lane i holds elements 2·(i % 4) and the next of row i / 4.
FUNCTION void load_matrices(uint32 *to, const void *row) {
    nnc_aligned(row, 16);
    uint32 words[2] = {(uint32)(uintptr_t)row, (uint32)((uint64)(uintptr_t)row >> 32)};
    const uint32(*all)[NNC_WORDS] = nnc_exchange(words, 2, __LINE__);
    for (int matrix = 0; matrix < 4; matrix++) {
        const uint32 *from = all[matrix * 8 + nnc_lane() / 4];
        const char *address = (const char *)(uintptr_t)((uint64)from[1] << 32 | from[0]);
        memcpy(&to[matrix], address + nnc_lane() % 4 * 4, 4);
    }
    nnc_warp_barrier(__LINE__);
}
FUNCTION void load_matrices_transposed(uint32 *to, const void *row) {
    nnc_aligned(row, 16);
    uint32 words[2] = {(uint32)(uintptr_t)row, (uint32)((uint64)(uintptr_t)row >> 32)};
    const uint32(*all)[NNC_WORDS] = nnc_exchange(words, 2, __LINE__);
    for (int matrix = 0; matrix < 4; matrix++) {
        to[matrix] = 0;
        for (int half = 0; half < 2; half++) {
            const uint32 *from = all[matrix * 8 + nnc_lane() % 4 * 2 + half];
            const char *address = (const char *)(uintptr_t)((uint64)from[1] << 32 | from[0]);
            uint16 element;
            memcpy(&element, address + nnc_lane() / 4 * 2, 2);
            to[matrix] |= (uint32)element << half * 16;
        }
    }
    nnc_warp_barrier(__LINE__);
}
