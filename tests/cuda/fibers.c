// The threads of a block as fibers, and the launch of a kernel over its grid. Part of `prelude.h`.
//
// A fiber runs until it waits at a barrier or ends; a round-robin scheduler, forward or in reverse,
// wakes those that wait once all of their block or warp do. One launch at a time in a library.

#define NNC_WARP 32
#define NNC_THREADS 1024
#define NNC_STACK (64 * 1024)
#define NNC_WORDS 6
#define NNC_COPIES 4096

typedef struct {
    unsigned x, y, z;
} nnc_index;

typedef enum { NNC_READY, NNC_AT_BLOCK, NNC_AT_WARP, NNC_DONE } nnc_state;

// A copy to shared memory that has not been waited for.
typedef struct {
    void *to;
    unsigned char bytes[16];
    int size, group;
} nnc_copy;

typedef struct {
    void *stack;         // pointer while it does not run
    char *memory;
    nnc_state state;
    int line;            // of the barrier where it waits
    int exchanges;       // so far; neighbours use alternating slots
    int group;           // of its next asynchronous copies
    nnc_copy *copies;
    int copy_count;
} nnc_fiber;

static nnc_fiber nnc_fibers[NNC_THREADS];
static uint32 nnc_slots[NNC_THREADS / NNC_WARP][2][NNC_WARP][NNC_WORDS];
static void *nnc_scheduler;
static int nnc_current;
static unsigned nnc_threads;
static nnc_index nnc_block, nnc_grid;
static unsigned char *nnc_dynamic_shared;
static void (*nnc_kernel)(void);
static uint64 nnc_arguments[32];
static const char *nnc_name;

static inline nnc_index nnc_thread_index(void) { return (nnc_index){(unsigned)nnc_current, 0, 0}; }
static inline nnc_index nnc_block_size(void) { return (nnc_index){nnc_threads, 1, 1}; }
#define threadIdx nnc_thread_index()
#define blockIdx nnc_block
#define blockDim nnc_block_size()
#define gridDim nnc_grid

static inline int nnc_lane(void) { return nnc_current % NNC_WARP; }

__attribute__((noreturn, unused)) static void nnc_fail(const char *what, int number) {
    fprintf(stderr, "kernel `%s`, block %u,%u,%u, thread %d: %s (%d)\n", nnc_name, nnc_block.x, nnc_block.y,
            nnc_block.z, nnc_current, what, number);
    abort();
}

#if defined(__x86_64__)
// Saves the callee's registers and the stack pointer in *from, and goes on where `to` was saved.
void nnc_switch(void **from, void *to);
__asm__(
    ".local nnc_switch\n"
    "nnc_switch:\n"
    "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
    "  ret\n");
#define NNC_SAVED 6
#elif defined(__aarch64__)
void nnc_switch(void **from, void *to);
__asm__(
    ".local nnc_switch\n"
    "nnc_switch:\n"
    "  sub sp, sp, #160\n"
    "  stp x19, x20, [sp]\n  stp x21, x22, [sp, #16]\n  stp x23, x24, [sp, #32]\n  stp x25, x26, [sp, #48]\n"
    "  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
    "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
    "  mov x9, sp\n  str x9, [x0]\n  mov sp, x1\n"
    "  ldp x19, x20, [sp]\n  ldp x21, x22, [sp, #16]\n  ldp x23, x24, [sp, #32]\n  ldp x25, x26, [sp, #48]\n"
    "  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
    "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
    "  add sp, sp, #160\n"
    "  ret\n");
#else
#error "the fibers are written for x86-64 and aarch64"
#endif

static void nnc_wait(nnc_state state, int line) {
    nnc_fiber *fiber = &nnc_fibers[nnc_current];
    fiber->state = state;
    fiber->line = line;
    nnc_switch(&fiber->stack, nnc_scheduler);
}

__attribute__((unused)) static void nnc_block_barrier(int line) { nnc_wait(NNC_AT_BLOCK, line); }
__attribute__((unused)) static void nnc_warp_barrier(int line) { nnc_wait(NNC_AT_WARP, line); }

// Shows the words of each lane to all lanes of the warp.
__attribute__((unused)) static const uint32 (*nnc_exchange(const uint32 *words, int count, int line))[NNC_WORDS] {
    int turn = nnc_fibers[nnc_current].exchanges++ % 2;
    uint32(*slots)[NNC_WORDS] = nnc_slots[nnc_current / NNC_WARP][turn];
    memcpy(slots[nnc_lane()], words, count * sizeof(uint32));
    nnc_warp_barrier(line);
    return (const uint32(*)[NNC_WORDS])slots;
}

__attribute__((unused)) static void nnc_copy_later(void *to, const void *from, int size) {
    nnc_fiber *fiber = &nnc_fibers[nnc_current];
    if (fiber->copies == NULL) fiber->copies = malloc(NNC_COPIES * sizeof(nnc_copy));
    if (fiber->copy_count == NNC_COPIES) nnc_fail("too many copies that nobody waits for", NNC_COPIES);
    nnc_copy *copy = &fiber->copies[fiber->copy_count++];
    *copy = (nnc_copy){.to = to, .size = size, .group = fiber->group};
    if (from != NULL) memcpy(copy->bytes, from, size);
    memset(to, 0xff, size);
}
__attribute__((unused)) static void nnc_copy_commit(void) { nnc_fibers[nnc_current].group++; }
__attribute__((unused)) static void nnc_copy_wait(int pending) {
    nnc_fiber *fiber = &nnc_fibers[nnc_current];
    int kept = 0;
    for (int i = 0; i < fiber->copy_count; i++) {
        nnc_copy *copy = &fiber->copies[i];
        if (copy->group < fiber->group - pending)
            memcpy(copy->to, copy->bytes, copy->size);
        else
            fiber->copies[kept++] = *copy;
    }
    fiber->copy_count = kept;
}

typedef uint64 nnc_word;
typedef void nnc_function(nnc_word, nnc_word, nnc_word, nnc_word, nnc_word, nnc_word, nnc_word, nnc_word, nnc_word,
                          nnc_word, nnc_word, nnc_word, nnc_word, nnc_word, nnc_word, nnc_word, nnc_word, nnc_word,
                          nnc_word, nnc_word, nnc_word, nnc_word, nnc_word, nnc_word, nnc_word, nnc_word, nnc_word,
                          nnc_word, nnc_word, nnc_word, nnc_word, nnc_word);

// Where a fiber begins. Parameters of eight bytes are passed alike whatever their type, and further
// ones than a function has do no harm.
static void nnc_begin(void) {
    const nnc_word *a = nnc_arguments;
    ((nnc_function *)nnc_kernel)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12],
                                 a[13], a[14], a[15], a[16], a[17], a[18], a[19], a[20], a[21], a[22], a[23], a[24],
                                 a[25], a[26], a[27], a[28], a[29], a[30], a[31]);
    nnc_wait(NNC_DONE, 0);
}

static void nnc_prepare(nnc_fiber *fiber) {
    if (fiber->memory == NULL) fiber->memory = malloc(NNC_STACK);
    char *top = (char *)((uintptr_t)(fiber->memory + NNC_STACK) & ~(uintptr_t)15);
#if defined(__x86_64__)
    // The entry expects the stack as after a call: eight below a multiple of sixteen.
    void **stack = (void **)(top - 16);
    *stack = (void *)nnc_begin;
    stack -= NNC_SAVED;
    memset(stack, 0, NNC_SAVED * sizeof(void *));
#else
    void **stack = (void **)(top - 160);
    memset(stack, 0, 160);
    stack[11] = (void *)nnc_begin;
#endif
    fiber->stack = stack;
    fiber->state = NNC_READY;
    fiber->group = fiber->copy_count = fiber->exchanges = 0;
}

// Wakes the threads from `first` on if all of them wait in `state` at one barrier.
static int nnc_wake(unsigned first, unsigned count, nnc_state state) {
    for (unsigned i = first; i < first + count; i++)
        if (nnc_fibers[i].state != state || nnc_fibers[i].line != nnc_fibers[first].line) return 0;
    for (unsigned i = first; i < first + count; i++) nnc_fibers[i].state = NNC_READY;
    return 1;
}

// The shared memory of known size, which the linker gathers; nothing if no kernel has any.
extern unsigned char __start_nnc_shared[] __attribute__((weak, visibility("hidden")));
extern unsigned char __stop_nnc_shared[] __attribute__((weak, visibility("hidden")));

// What an earlier block left would make a missing barrier look like one.
static void nnc_poison(unsigned dynamic) {
    memset(nnc_dynamic_shared, 0xff, dynamic);
    if (__start_nnc_shared) memset(__start_nnc_shared, 0xff, __stop_nnc_shared - __start_nnc_shared);
}

static void nnc_run_block(int reverse) {
    for (unsigned i = 0; i < nnc_threads; i++) nnc_prepare(&nnc_fibers[i]);
    for (;;) {
        unsigned done = 0;
        for (unsigned turn = 0; turn < nnc_threads; turn++) {
            nnc_current = (int)(reverse ? nnc_threads - 1 - turn : turn);
            nnc_fiber *fiber = &nnc_fibers[nnc_current];
            if (fiber->state == NNC_READY) nnc_switch(&nnc_scheduler, fiber->stack);
            done += fiber->state == NNC_DONE;
        }
        if (done == nnc_threads) return;
        int woken = nnc_wake(0, nnc_threads, NNC_AT_BLOCK);
        for (unsigned first = 0; first < nnc_threads; first += NNC_WARP) {
            unsigned rest = nnc_threads - first;
            woken += nnc_wake(first, rest < NNC_WARP ? rest : NNC_WARP, NNC_AT_WARP);
        }
        if (!woken) {
            for (nnc_current = 0; nnc_fibers[nnc_current].state == NNC_DONE; nnc_current++) continue;
            nnc_fail("waits at a barrier that others do not reach, in line", nnc_fibers[nnc_current].line);
        }
    }
}

// Stacks stay from kernel to kernel, and go with the library.
__attribute__((destructor)) static void nnc_release(void) {
    for (int i = 0; i < NNC_THREADS; i++) free(nnc_fibers[i].memory), free(nnc_fibers[i].copies);
}

// Runs a kernel of `count` parameters; nothing is returned, mistakes end the process.
__attribute__((visibility("default"))) void nnc_launch(const char *name, void (*kernel)(void), const uint64 *arguments,
                                                       int count, const unsigned *grid, unsigned threads,
                                                       unsigned shared, int reverse) {
    nnc_name = name;
    if (threads == 0 || threads > NNC_THREADS) nnc_fail("so many threads do not fit a block", (int)threads);
    if (count > 32) nnc_fail("a kernel has at most 32 parameters", count);
    nnc_kernel = kernel;
    memset(nnc_arguments, 0, sizeof nnc_arguments);
    memcpy(nnc_arguments, arguments, count * sizeof(uint64));
    nnc_threads = threads;
    nnc_grid = (nnc_index){grid[0], grid[1], grid[2]};
    // Exactly as large as asked, so that tools see what lies beyond.
    void *memory = malloc(shared + 128);
    nnc_dynamic_shared = (unsigned char *)(((uintptr_t)memory + 127) & ~(uintptr_t)127);
    for (nnc_block.z = 0; nnc_block.z < grid[2]; nnc_block.z++)
        for (nnc_block.y = 0; nnc_block.y < grid[1]; nnc_block.y++)
            for (nnc_block.x = 0; nnc_block.x < grid[0]; nnc_block.x++) {
                nnc_poison(shared);
                nnc_run_block(reverse);
            }
    free(memory);
}
