// A CUDA driver for machines without a GPU: what `runtime/src/devices/cuda/raw.rs` calls, on the processor.
// Its modules are the shared libraries that `nvrtc.c` makes, in which kernels run as fibers.
//
// It is strict where a GPU is treacherous. Work in a stream is done no earlier than somebody waits for
// it, and that in other streams not even then unless an event says so: what is not waited for is seen
// not to be there. Memory begins as NaN and ends at a page that cannot be touched. In a capture,
// whatever would spoil it is refused. A kernel that reaches beyond its memory loses the device, and the
// next call that looks says so, as on a GPU.
//
//   NNC_FAKE_DEVICES=0               how many GPUs there are; 1 otherwise
//   NNC_FAKE_MEMORY=1048576          bytes of memory that each has; 1 GiB otherwise
//   NNC_FAKE_FAIL=cuLaunchKernel:7   that call fails, the first being 1, with the code behind a further colon or 999
//   NNC_FAKE_REVERSE=1               the threads of a block run in reverse
//   NNC_FAKE_TIMES=simt:900,library:5  events tell made-up times: so many microseconds for each kernel with that
//                                    in its name, or for each call of a library, and 1 for all others
//   NNC_FAKE_EAGER=1                 copies from page-locked memory are not done as late as possible, but as early
//   NNC_FAKE_IDLE=1                  the device is done with everything at once and has done nothing
//   NNC_FAKE_LOG=path                the names of all calls, and copies and graphs when they are done, in the file `path.` and the number of the process

#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "library.h"

enum {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    ILLEGAL_ADDRESS = 700,
    LAUNCH_FAILED = 719,
    CAPTURE_UNSUPPORTED = 900,
    CAPTURE_INVALIDATED = 901,
    CAPTURE_UNMATCHED = 903,
    CAPTURE_UNJOINED = 904,
    CAPTURE_ISOLATION = 905,
    CAPTURED_EVENT = 907,
    UNKNOWN = 999,
};

#define MOST_ARGUMENTS 32
#define COMMON_SHARED (48 << 10)
#define MOST_SHARED 232448
#define PAGE 4096

typedef unsigned long long address;
typedef unsigned long long word;
typedef struct operation operation;
typedef struct stream stream;

typedef void launcher(const char *, void (*)(void), const word *, int, const unsigned *, unsigned, unsigned, int);

typedef struct {
    void *library;
    launcher *launch;
} module;

typedef struct {
    char *name;
    launcher *launch;
    void (*kernel)(void);
    int parameters, threads, shared;
} function;

// Of memory on the device, or page-locked.
typedef struct block {
    struct block *next;
    char *start, *mapping;
    size_t bytes, mapped;
} block;

typedef struct {
    operation *first, **end;
} list;

typedef struct graph {
    list operations;
    stream *origin;
    int invalid;
} graph;

struct stream {
    stream *next;
    list waiting;
    unsigned long given, done; // operations so far
    graph *capture;
    unsigned long captured;    // operations in the capture
    int forked;                // has captured what its origin does not wait for yet
};

typedef struct {
    stream *stream;
    unsigned long place; // operations of the stream before it
    graph *capture;
    int untimed;
    double time;         // once it has been passed
} event;

struct operation {
    operation *next;
    enum { LAUNCH, LIBRARY, COPY, FILL, GRAPH, RECORD, WAIT } kind;
    function *function;
    library_work *work; // of a library, with a copy of its data
    void *data;
    unsigned grid[3], threads, shared;
    word arguments[MOST_ARGUMENTS];
    char *to, *from, *staged;
    size_t bytes;
    event *event;
    stream *stream;      // where it waits for the operations before `place`
    unsigned long place;
    graph *graph;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static block *device_blocks, *pinned_blocks;
static size_t used;
static stream *streams;
static __thread graph *capture; // under way
static int initialized, lost;
static __thread int current;

static long setting(const char *name, long usual) {
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 0) : usual;
}

// The code with which the `calls`-th call of a function is to fail.
static int failure(const char *name, int calls) {
    const char *text = getenv("NNC_FAKE_FAIL");
    size_t length = strlen(name);
    if (text == NULL || strncmp(text, name, length) != 0 || text[length] != ':') return SUCCESS;
    char *end;
    if (strtol(text + length + 1, &end, 10) != calls) return SUCCESS;
    return *end == ':' ? atoi(end + 1) : UNKNOWN;
}

// Writes a line to the log that was asked for.
static void note(const char *line) {
    static FILE *log;
    const char *path = getenv("NNC_FAKE_LOG");
    if (path == NULL) return;
    if (log == NULL) {
        char own[512];
        snprintf(own, sizeof own, "%s.%d", path, (int)getpid());
        log = fopen(own, "w");
        if (log == NULL) return;
    }
    fprintf(log, "%s\n", line);
    fflush(log);
}

static void leave(int *entered) {
    (void)entered;
    pthread_mutex_unlock(&lock);
}

static int enter(const char *name, int *calls) {
    pthread_mutex_lock(&lock);
    note(name);
    return failure(name, ++*calls);
}

// Begins every function: one at a time, and perhaps a failure that was asked for.
#define CALL(name)                                                            \
    static int calls;                                                         \
    __attribute__((cleanup(leave))) int entered = enter(#name, &calls);       \
    if (entered != SUCCESS) return entered
// Begins those that need a device which is not lost.
#define DEVICE_CALL(name)                        \
    CALL(name);                                  \
    if (!initialized) return NOT_INITIALIZED;    \
    if (!current) return INVALID_CONTEXT;        \
    if (lost != SUCCESS) return lost
// What a capture does not survive.
#define NOT_IN_CAPTURE()               \
    do                                 \
        if (capture != NULL) {         \
            capture->invalid = 1;      \
            return CAPTURE_UNSUPPORTED; \
        }                              \
    while (0)

// Memory.

static block *block_of(block *blocks, const void *from, size_t bytes) {
    const char *start = from;
    for (block *each = blocks; each != NULL; each = each->next)
        if (start >= each->start && start + bytes <= each->start + each->bytes) return each;
    return NULL;
}

// Ends before a page that cannot be touched, at a multiple of 16 bytes.
static char *allocate(block **blocks, size_t bytes) {
    block *made = calloc(1, sizeof *made);
    size_t whole = (bytes + 15) / 16 * 16, pages = (whole + PAGE - 1) / PAGE * PAGE;
    made->mapped = pages + PAGE;
    made->mapping = mmap(NULL, made->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made->mapping == MAP_FAILED) return NULL;
    mprotect(made->mapping + pages, PAGE, PROT_NONE);
    made->start = made->mapping + pages - whole;
    made->bytes = bytes;
    memset(made->mapping, 0xff, pages);
    made->next = *blocks;
    *blocks = made;
    return made->start;
}

// What lies around the memory in its pages is as it was.
static void check_surroundings(const block *freed) {
    const char *end = freed->mapping + freed->mapped - PAGE;
    for (const char *byte = freed->mapping; byte < end; byte++) {
        if (byte == freed->start) byte += freed->bytes;
        if (byte < end && *byte != (char)0xff) {
            fprintf(stderr, "something was written %ld bytes from the start of memory of %zu bytes\n",
                    (long)(byte - freed->start), freed->bytes);
            abort();
        }
    }
}

static int release(block **blocks, void *start) {
    for (block **link = blocks; *link != NULL; link = &(*link)->next) {
        block *freed = *link;
        if (freed->start != start) continue;
        check_surroundings(freed);
        *link = freed->next;
        munmap(freed->mapping, freed->mapped);
        free(freed);
        return SUCCESS;
    }
    return INVALID_VALUE;
}

// Work.

static void append(list *operations, const operation *given) {
    operation *copy = malloc(sizeof *copy);
    *copy = *given;
    copy->next = NULL;
    if (operations->first == NULL) operations->end = &operations->first;
    *operations->end = copy;
    operations->end = &copy->next;
}

static void drop(list *operations) {
    while (operations->first != NULL) {
        operation *gone = operations->first;
        operations->first = gone->next;
        free(gone);
    }
}

static void give(stream *to, const operation *given) {
    if (to->capture != NULL) {
        append(&to->capture->operations, given);
        to->captured++;
        to->forked = to != to->capture->origin;
    } else {
        append(&to->waiting, given);
        to->given++;
    }
}

static sigjmp_buf escape;

static void on_signal(int number) { siglongjmp(escape, number); }

static void start_kernel(const operation *given) {
    const function *of = given->function;
    int reverse = setting("NNC_FAKE_REVERSE", 0) != 0;
    of->launch(of->name, of->kernel, given->arguments, of->parameters, given->grid, given->threads, given->shared,
               reverse);
}

// What touches what it must not, or indexes beyond an array, ends here.
static void launch(const operation *given) {
    const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
    struct sigaction ours = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK}, theirs[5];
    for (int i = 0; i < 5; i++) sigaction(signals[i], &ours, &theirs[i]);
    int number = sigsetjmp(escape, 1);
    if (number != 0) {
        lost = number == SIGSEGV || number == SIGBUS ? ILLEGAL_ADDRESS : LAUNCH_FAILED;
    } else if (given->kind == LIBRARY) {
        given->work(given->data);
    } else {
        start_kernel(given);
    }
    for (int i = 0; i < 5; i++) sigaction(signals[i], &theirs[i], NULL);
}

static double made_up = 1e-3; // milliseconds so far

static double made_up_time(const char *name) {
    const char *list = getenv("NNC_FAKE_TIMES");
    char copy[512], *rest = copy;
    snprintf(copy, sizeof copy, "%s", list ? list : "");
    for (char *each; (each = strsep(&rest, ",")) != NULL;) {
        char *colon = strchr(each, ':');
        if (colon == NULL) continue;
        *colon = 0;
        if (strstr(name, each) != NULL) return atof(colon + 1) / 1e3;
    }
    return 1e-3;
}

// Milliseconds, for events.
static double current_time(void) {
    if (getenv("NNC_FAKE_TIMES") != NULL) return made_up;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void run(stream *of, unsigned long until);

static void execute(const operation *given) {
    if (given->kind < RECORD && setting("NNC_FAKE_IDLE", 0)) {
        free(given->staged);
        return;
    }
    switch (given->kind) {
    case LAUNCH:
    case LIBRARY:
        launch(given);
        made_up += made_up_time(given->kind == LIBRARY ? "library" : given->function->name);
        break;
    case COPY:
        note(block_of(device_blocks, given->to, given->bytes) ? "has copied to the device" : "has copied from the device");
        memmove(given->to, given->staged ? given->staged : given->from, given->bytes);
        free(given->staged);
        break;
    case FILL:
        memset(given->to, (int)given->arguments[0], given->bytes);
        break;
    case RECORD:
        given->event->time = current_time();
        break;
    case WAIT:
        run(given->stream, given->place);
        break;
    case GRAPH:
        note("has begun a graph");
        for (operation *each = given->graph->operations.first; each != NULL && lost == SUCCESS; each = each->next)
            execute(each);
        break;
    }
}

// Does the operations of a stream before the place `until`, and what they wait for.
static void run(stream *of, unsigned long until) {
    while (of->done < until && of->waiting.first != NULL && lost == SUCCESS) {
        operation *next = of->waiting.first;
        of->waiting.first = next->next;
        of->done++;
        execute(next);
        free(next);
    }
}

static void run_all(void) {
    for (stream *each = streams; each != NULL; each = each->next) run(each, each->given);
}

// The driver and its devices.

int cuInit(unsigned flags) {
    CALL(cuInit);
    (void)flags;
    if (setting("NNC_FAKE_DEVICES", 1) == 0) return NO_DEVICE;
    initialized = 1;
    return SUCCESS;
}

int cuDriverGetVersion(int *version) {
    *version = 13000;
    return SUCCESS;
}

int cuDeviceGetCount(int *count) {
    CALL(cuDeviceGetCount);
    if (!initialized) return NOT_INITIALIZED;
    *count = (int)setting("NNC_FAKE_DEVICES", 1);
    return SUCCESS;
}

int cuDeviceGet(int *device, int ordinal) {
    CALL(cuDeviceGet);
    if (!initialized) return NOT_INITIALIZED;
    if (ordinal < 0 || ordinal >= setting("NNC_FAKE_DEVICES", 1)) return INVALID_DEVICE;
    *device = ordinal;
    return SUCCESS;
}

int cuDeviceGetName(char *name, int length, int device) {
    CALL(cuDeviceGetName);
    snprintf(name, (size_t)length, "Fake GPU %d", device);
    return SUCCESS;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    CALL(cuDeviceGetAttribute);
    (void)device;
    switch (attribute) {
    case 16: *value = 4; return SUCCESS;            // MULTIPROCESSOR_COUNT
    case 38: *value = 4 << 20; return SUCCESS;      // L2_CACHE_SIZE
    case 75: *value = 9; return SUCCESS;            // COMPUTE_CAPABILITY_MAJOR
    case 76: *value = 0; return SUCCESS;            // COMPUTE_CAPABILITY_MINOR
    case 97: *value = MOST_SHARED; return SUCCESS;  // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    default: return INVALID_VALUE;
    }
}

static size_t memory(void) { return (size_t)setting("NNC_FAKE_MEMORY", 1 << 30); }

int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    CALL(cuDeviceTotalMem);
    (void)device;
    *bytes = memory();
    return SUCCESS;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
    CALL(cuDevicePrimaryCtxRetain);
    if (!initialized) return NOT_INITIALIZED;
    *context = &streams + device;
    return SUCCESS;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
    (void)device;
    return SUCCESS;
}

int cuCtxSetCurrent(void *context) {
    CALL(cuCtxSetCurrent);
    current = context != NULL;
    return SUCCESS;
}

int cuGetErrorName(int code, const char **text);
int cuGetErrorString(int code, const char **text);

static const struct {
    int code;
    const char *name, *words;
} errors[] = {
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "the capture failed due to a previous error"},
    {CAPTURE_UNMATCHED, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "the capture was not initiated in this stream"},
    {CAPTURE_UNJOINED, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
    {CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "dependency created on uncaptured work"},
    {CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT", "operation not permitted on an event last recorded in a capture"},
    {UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static int explain(int code, const char **text, int in_words) {
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == code) {
            *text = in_words ? errors[i].words : errors[i].name;
            return SUCCESS;
        }
    *text = NULL;
    return INVALID_VALUE;
}

int cuGetErrorName(int code, const char **text) { return explain(code, text, 0); }
int cuGetErrorString(int code, const char **text) { return explain(code, text, 1); }

#include "driver_memory.c"
#include "driver_streams.c"
