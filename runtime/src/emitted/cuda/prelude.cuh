// The device's side of the kernel language; see `common.h`. Inline PTX lives here and nowhere else.

#define REAL_FLOAT 0
#define REAL_BF16 1
#define REAL_HALF 2

typedef long long int64;
typedef unsigned int uint32;
typedef unsigned long long uint64;
typedef unsigned short uint16;

#define FUNCTION static __device__ __forceinline__
#define KERNEL(name, threads, parameters) extern "C" __global__ void __launch_bounds__(threads) name
#define AT_ONCE(threads, blocks) threads, blocks
#define UNROLL _Pragma("unroll")
#define NO_UNROLL _Pragma("unroll 1")
#define ALIGNED(bytes) __align__(bytes)
#define SHARED __shared__ __align__(16)
// One array per block whose size the launch says.
#define DYNAMIC_SHARED(type, name)                                  \
    extern __shared__ __align__(128) unsigned char dynamic_shared[]; \
    type *name = (type *)dynamic_shared
#define barrier() __syncthreads()
#define warp_barrier() __syncwarp()

FUNCTION float as_float(uint32 bits) { return __uint_as_float(bits); }
FUNCTION uint32 as_bits(float x) { return __float_as_uint(x); }
FUNCTION float shuffle_xor(float x, int distance) { return __shfl_xor_sync(0xffffffffu, x, distance); }
FUNCTION int shuffle_xor_int(int x, int distance) { return __shfl_xor_sync(0xffffffffu, x, distance); }
FUNCTION void copy16(void *to, const void *from) { *(uint4 *)to = *(const uint4 *)from; }
FUNCTION void copy8(void *to, const void *from) { *(uint2 *)to = *(const uint2 *)from; }

#if REAL == REAL_FLOAT
typedef float real;
FUNCTION float from_real(real x) { return x; }
FUNCTION real to_real(float x) { return x; }
#elif REAL == REAL_BF16
typedef uint16 real;
FUNCTION float from_real(real x) { return __uint_as_float((uint32)x << 16); }
FUNCTION real to_real(float x) {
    real y;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return y;
}
#else
typedef uint16 real;
FUNCTION float from_real(real x) {
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x));
    return y;
}
FUNCTION real to_real(float x) {
    real y;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return y;
}
#endif

// Sixteen bytes from global to shared memory while the block goes on; zeros if not `valid`.
FUNCTION void copy_async16(void *shared, const void *global, int valid) {
    uint32 address = (uint32)__cvta_generic_to_shared(shared);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(global), "r"(valid ? 16 : 0)
                 : "memory");
}
// Eight and four bytes, likewise.
FUNCTION void copy_async8(void *shared, const void *global, int valid) {
    uint32 address = (uint32)__cvta_generic_to_shared(shared);
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(address), "l"(global), "r"(valid ? 8 : 0)
                 : "memory");
}
FUNCTION void copy_async4(void *shared, const void *global, int valid) {
    uint32 address = (uint32)__cvta_generic_to_shared(shared);
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(address), "l"(global), "r"(valid ? 4 : 0)
                 : "memory");
}
// The copies so far are a group.
FUNCTION void copy_async_commit(void) { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most `pending` of the last groups are under way.
#define copy_async_wait(pending) asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory")

// The bits of x rounded to TF32.
FUNCTION uint32 to_tf32(float x) {
    uint32 y;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
    return y;
}

// d += a · b on the tensor cores: 16x8x8 in TF32, fragments as the PTX manual has them for m16n8k8.
FUNCTION void mma_tf32(float *d, const uint32 *a, const uint32 *b) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// d += a · b on the tensor cores: 16x8x16, two reals in each word, fragments as for m16n8k16.
#if REAL != REAL_FLOAT
FUNCTION void mma_real(float *d, const uint32 *a, const uint32 *b) {
    asm volatile(
#if REAL == REAL_BF16
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
#else
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
#endif
        "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

// Four 8x8 matrices of 16-bit elements from shared memory, lane i giving row i % 8 of matrix i / 8.
FUNCTION void load_matrices(uint32 *to, const void *row) {
    uint32 address = (uint32)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address));
}
// The same, each matrix transposed.
FUNCTION void load_matrices_transposed(uint32 *to, const void *row) {
    uint32 address = (uint32)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address));
}
