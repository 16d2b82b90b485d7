// A stand-in for cuDNN 9 on machines without a GPU: the calls of its backend interface that
// `runtime/src/devices/cuda/libraries/cudnn` makes, on the processor and in the order of the fake driver's
// streams.
//
// It is as strict as the library is documented to be: attributes have their types and counts
// (`cudnn_attributes.c`), nothing changes once it is finalised, shapes must fit each other. Its engines are of
// all the sorts that a caller must tell apart; those on tensor cores read 32-bit numbers with 19 bits, so that
// it shows where they must not be used. With NNC_FAKE_FAIL=cudnnBackendFinalize:3 that call fails, as with the
// driver; with NNC_FAKE_EPILOGUE=none there are no engines for more than a convolution.

#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

// cudnnStatus_t
enum {
    SUCCESS = 0,
    NOT_INITIALIZED = 1001,
    BAD_PARAM = 2000,
    NULL_POINTER = 2002,
    MISALIGNED_POINTER = 2003,
    NOT_FINALIZED = 2004,
    SHAPE_MISMATCH = 2008,
    ATTRIBUTE_TYPE = 2010,
    DESCRIPTOR_TYPE = 2012,
    NOT_SUPPORTED = 3000,
    INTERNAL_ERROR = 4000,
    EXECUTION_FAILED_CUDA_DRIVER = 5001,
};

#include "cudnn_attributes.c"
#include "cudnn_work.c"
#include "cudnn_engines.c"

typedef struct {
    int count;
    void *values; // null until set
} value;

typedef struct {
    int kind, is_final, is_gone;
    value set[ATTRIBUTES];
    // What it stands for, once it is finalised or filled: it needs no other descriptor then.
    tensor tensor;
    computation graph;
    proposal engine; // and its knobs, one of which a knob's descriptor is
    int mode;
} descriptor;

typedef struct {
    struct stream *stream;
} handle;

static __thread char last_words[128];

static int fail(int status, const char *words) {
    snprintf(last_words, sizeof last_words, "%s", words);
    return status;
}

static int failure(const char *name, int calls) {
    int code = nnc_fake_failure == NULL ? SUCCESS : nnc_fake_failure(name, calls);
    // The driver's own code, where none was asked for.
    return code == SUCCESS ? SUCCESS : fail(code == 999 ? INTERNAL_ERROR : code, "a failure was asked for");
}

// Begins every function that can fail.
#define CALL(name)                         \
    static int calls;                      \
    int failed = failure(#name, ++calls);  \
    if (failed != SUCCESS) return failed

// Handles.

size_t cudnnGetVersion(void) { return 90000 + 99 * 100; }

int cudnnCreate(handle **made) {
    CALL(cudnnCreate);
    if (nnc_fake_give == NULL) return fail(NOT_INITIALIZED, "there is no driver");
    *made = calloc(1, sizeof **made);
    return SUCCESS;
}

int cudnnDestroy(handle *gone) {
    free(gone);
    return SUCCESS;
}

int cudnnSetStream(handle *of, struct stream *stream) {
    CALL(cudnnSetStream);
    of->stream = stream;
    return SUCCESS;
}

const char *cudnnGetErrorString(int status) {
    switch (status) {
    case SUCCESS: return "CUDNN_STATUS_SUCCESS";
    case NOT_INITIALIZED: return "CUDNN_STATUS_NOT_INITIALIZED";
    case NOT_SUPPORTED: return "CUDNN_STATUS_NOT_SUPPORTED";
    case INTERNAL_ERROR: return "CUDNN_STATUS_INTERNAL_ERROR";
    case EXECUTION_FAILED_CUDA_DRIVER: return "CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER";
    default: return status < 3000 ? "CUDNN_STATUS_BAD_PARAM" : "CUDNN_STATUS_UNKNOWN";
    }
}

void cudnnGetLastErrorString(char *text, size_t most) { snprintf(text, most, "%s", last_words); }

// Descriptors. Those that are gone stay for a while, so that it is seen where one is used nevertheless.

#define KEPT 4096

int cudnnBackendCreateDescriptor(int kind, descriptor **made) {
    CALL(cudnnBackendCreateDescriptor);
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        if (attributes[i].kind != kind) continue;
        *made = calloc(1, sizeof **made);
        (*made)->kind = kind;
        return SUCCESS;
    }
    return fail(NOT_SUPPORTED, "there is no such descriptor");
}

static void must_be_there(const descriptor *of) {
    if (!of->is_gone) return;
    fprintf(stderr, "a descriptor of kind %d is used after its end\n", of->kind);
    abort();
}

int cudnnBackendDestroyDescriptor(descriptor *gone) {
    static __thread descriptor *kept[KEPT];
    static __thread unsigned next;
    must_be_there(gone);
    gone->is_gone = 1;
    for (size_t i = 0; i < ATTRIBUTES; i++) free(gone->set[i].values);
    free(kept[next]);
    kept[next] = gone;
    next = (next + 1) % KEPT;
    return SUCCESS;
}

static int is_of_kind(const descriptor *given, int kind) {
    int is_operation = given->kind >= OPERATION_CONVOLUTION_FORWARD && given->kind <= OPERATION_POINTWISE;
    return kind == ANY_OPERATION ? is_operation : given->kind == kind;
}

static int check_descriptors(const attribute *is, int64_t count, descriptor *const *values, int are_final) {
    for (int64_t i = 0; i < count; i++) {
        if (values[i] == NULL) return fail(NULL_POINTER, "a descriptor is null");
        must_be_there(values[i]);
        if (!is_of_kind(values[i], is->of)) return fail(DESCRIPTOR_TYPE, "a descriptor is of another kind");
        if (values[i]->is_final != are_final) return fail(NOT_FINALIZED, "a descriptor is not finalised, or is");
    }
    return SUCCESS;
}

static int check_attribute(const attribute *is, int type) {
    if (is == NULL) return fail(BAD_PARAM, "the descriptor has no such attribute");
    if (type != is->type && type != is->other_type) return fail(ATTRIBUTE_TYPE, "the attribute is of another type");
    return SUCCESS;
}

int cudnnBackendSetAttribute(descriptor *of, int name, int type, int64_t count, const void *values) {
    CALL(cudnnBackendSetAttribute);
    must_be_there(of);
    const attribute *is = attribute_of(of->kind, name);
    int status = check_attribute(is, type);
    if (status != SUCCESS) return status;
    if (of->is_final || is->use == READ_ONLY) return fail(BAD_PARAM, "the attribute cannot be set");
    if (count < is->least || count > is->most || values == NULL) return fail(BAD_PARAM, "too few or too many values");
    if (type == TYPE_BACKEND_DESCRIPTOR) status = check_descriptors(is, count, values, 1);
    if (status != SUCCESS) return status;
    value *set = &of->set[is - attributes];
    size_t bytes = (size_t)count * size_of_type(type);
    free(set->values);
    *set = (value){(int)count, memcpy(malloc(bytes + 1), values, bytes)};
    return SUCCESS;
}

static const value *get(const descriptor *of, int name) { return &of->set[attribute_of(of->kind, name) - attributes]; }

static int64_t integer(const descriptor *of, int name) { return *(const int64_t *)get(of, name)->values; }
static int code(const descriptor *of, int name) { return *(const int *)get(of, name)->values; }
static descriptor *part(const descriptor *of, int name) { return *(descriptor *const *)get(of, name)->values; }

#include "cudnn_finalize.c"

int cudnnBackendFinalize(descriptor *of) {
    CALL(cudnnBackendFinalize);
    must_be_there(of);
    for (size_t i = 0; i < ATTRIBUTES; i++)
        if (attributes[i].kind == of->kind && attributes[i].use == REQUIRED && of->set[i].values == NULL)
            return fail(BAD_PARAM, "an attribute that is required is not set");
    int status = finalize(of);
    of->is_final = status == SUCCESS;
    return status;
}

// Numbers of one type, as many as there are and are wanted.
static int answer(const void *from, int64_t there, size_t bytes, int64_t wanted, int64_t *count, void *to) {
    int64_t given = there < wanted ? there : wanted;
    if (given > 0) memcpy(to, from, (size_t)given * bytes);
    if (count != NULL) *count = there;
    return SUCCESS;
}

// Fills descriptors that the caller has made.
static int fill(const descriptor *of, int name, int64_t wanted, int64_t *count, descriptor **to) {
    const attribute *is = attribute_of(of->kind, name);
    int64_t there = of->kind == ENGINEHEUR ? proposals(of->mode) : name == 300 ? 1 : of->engine.has_knob;
    int64_t given = there < wanted ? there : wanted;
    // As cuDNN 9.26, which refuses to be asked for more.
    if (wanted > is->most) return fail(NOT_SUPPORTED, "there are fewer values in an attribute");
    int status = check_descriptors(is, given, to, 0);
    for (int64_t i = 0; i < given && status == SUCCESS; i++) {
        to[i]->graph = of->graph;
        to[i]->engine = of->kind == ENGINEHEUR ? proposed(of->mode, (int)i) : of->engine;
        to[i]->is_final = 1;
    }
    // As cuDNN 9.26, which does not tell how many knobs there are if none are wanted.
    *count = name == 302 ? given : there;
    return status;
}

int cudnnBackendGetAttribute(descriptor *of, int name, int type, int64_t wanted, int64_t *count, void *to) {
    CALL(cudnnBackendGetAttribute);
    must_be_there(of);
    int status = check_attribute(attribute_of(of->kind, name), type);
    if (status != SUCCESS) return status;
    if (!of->is_final) return fail(NOT_INITIALIZED, "the descriptor is not finalised");
    const engine *is = of->engine.engine;
    const int64_t workspace = is != NULL ? is->workspace : 0, index = is != NULL ? is->index : 0;
    switch (name) {
    case 202:
    case 300:
    case 302: return fill(of, name, wanted, count, to);
    case 402: return answer(&workspace, 1, 8, wanted, count, to);
    case 600: return answer(&(int){KNOB_TILE_SIZE}, 1, 4, wanted, count, to);
    case 601: return answer(&of->engine.knob, 1, 8, wanted, count, to);
    case 1301: return answer(&index, 1, 8, wanted, count, to);
    case 1303: return answer(is->numerical_notes, is->numerical_count, 4, wanted, count, to);
    case 1305: return answer(&is->behavior_note, is->behavior_note >= 0, 4, wanted, count, to);
    default: return fail(NOT_SUPPORTED, "the attribute is not asked for anywhere");
    }
}

// Where the tensor with this id lies; null, and a failure, if it is not in the pack.
static char *place_of(const descriptor *pack, const tensor *of, int *status) {
    const int64_t *ids = get(pack, 1000)->values;
    char *const *places = get(pack, 1001)->values;
    for (int i = 0; i < get(pack, 1000)->count; i++) {
        if (ids[i] != of->id) continue;
        if (places[i] == NULL || (size_t)places[i] % (size_t)of->alignment != 0)
            *status = fail(MISALIGNED_POINTER, "a tensor is not at a multiple of its alignment");
        return places[i];
    }
    *status = fail(BAD_PARAM, "a tensor of the graph has no place");
    return NULL;
}

int cudnnBackendExecute(handle *with, descriptor *plan, descriptor *pack) {
    CALL(cudnnBackendExecute);
    must_be_there(plan), must_be_there(pack);
    if (plan->kind != EXECUTION_PLAN || pack->kind != VARIANT_PACK) return fail(DESCRIPTOR_TYPE, "no plan, or no pack");
    if (!plan->is_final || !pack->is_final) return fail(NOT_FINALIZED, "plan or pack is not finalised");
    if (with->stream == NULL || part(plan, 400) != (void *)with) return fail(BAD_PARAM, "the handle is another one");
    const engine *is = plan->engine.engine;
    int status = SUCCESS;
    execution given = {.of = plan->graph, .workspace = (char *)part(pack, 1003)};
    given.workspace_bytes = (size_t)is->workspace;
    given.drops_bits = plan->graph.x.type == DATA_FLOAT ? is->drops_bits : 0;
    given.x = place_of(pack, &given.of.x, &status);
    given.w = place_of(pack, &given.of.w, &status);
    given.y = place_of(pack, &given.of.y, &status);
    if (given.of.has_bias) given.bias = place_of(pack, &given.of.bias, &status);
    if (given.workspace == NULL && is->workspace > 0) status = fail(NULL_POINTER, "there is no workspace");
    if (status != SUCCESS) return status;
    if (nnc_fake_give(with->stream, execute, &given, sizeof given) != SUCCESS)
        return fail(EXECUTION_FAILED_CUDA_DRIVER, "the driver has refused the work");
    return SUCCESS;
}
