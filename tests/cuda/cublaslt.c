// A cuBLASLt for machines without a GPU: what `runtime/src/devices/cuda/libraries/cublaslt.rs` calls. Products are
// computed by the processor, in the order of the fake driver's streams and in its captures.
//
// The numbers and the structures are those of `cublasLt.h` (13.2), as are sizes and types of attributes: one
// that is given with another size is refused. It proposes an algorithm that needs no workspace, one that
// splits the depth in two and needs some (before the other where the depth is large), and one that the caller
// has to leave out because it failed. What comes after a product it computes as NNC_FAKE_EPILOGUE says: not at all
// (`none`), or with a ReLU that makes zeros of NaN (`maximum`), which the header leaves open.
//
//   NNC_FAKE_FAIL=cublasLtMatmul:2   as for the driver; without a code behind it, CUBLAS_STATUS_INTERNAL_ERROR

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

enum {
    SUCCESS = 0,
    ALLOC_FAILED = 3,
    INVALID_VALUE = 7,
    EXECUTION_FAILED = 13,
    INTERNAL_ERROR = 14,
    NOT_SUPPORTED = 15,
};

// cudaDataType, cublasComputeType_t, cublasOperation_t
enum { R_32F = 0, R_16F = 2, R_16BF = 14 };
enum { COMPUTE_32F = 68, COMPUTE_32F_FAST_TF32 = 77 };
enum { OP_N = 0, OP_T = 1 };
// cublasLtMatmulDescAttributes_t, cublasLtMatmulPreferenceAttributes_t, cublasLtReductionScheme_t
enum { DESC_TRANSA = 3, DESC_TRANSB = 4, DESC_EPILOGUE = 7, DESC_BIAS_POINTER = 8 };
enum {
    PREF_MAX_WORKSPACE_BYTES = 1,
    PREF_REDUCTION_SCHEME_MASK = 3,
    PREF_MIN_ALIGNMENT_A_BYTES = 5,
    PREF_MIN_ALIGNMENT_D_BYTES = 8,
};
enum { REDUCTION_SCHEME_COMPUTE_TYPE = 2 };
// cublasLtEpilogue_t: the default, and others' bits
enum { EPILOGUE_DEFAULT = 1, EPILOGUE_RELU = 2, EPILOGUE_BIAS = 4 };

typedef struct {
    int type;
    uint64_t rows, columns;
    int64_t pitch; // from column to column
} layout;

typedef struct {
    int compute, operations[2];
    uint32_t epilogue;
    const void *bias; // of the type of the result
} description;

typedef struct {
    uint64_t workspace;
    uint32_t schemes, alignments[4];
} preference;

// cublasLtMatmulAlgo_t
typedef struct {
    uint64_t data[8];
} algorithm;

// cublasLtMatmulHeuristicResult_t
typedef struct {
    algorithm algo;
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
} answer;

_Static_assert(sizeof(algorithm) == 64 && sizeof(answer) == 96, "as in cublasLt.h");

// What is done when its turn in the stream has come.
typedef struct {
    description of;
    layout layouts[3];
    const void *first, *second;
    void *result;
    float *workspace;
    float alpha, beta;
    int splits;
} product;

static const uint64_t MARK = 0x6e6e63;

// Begins every function: perhaps a failure that was asked for.
#define CALL(name)                                                                       \
    static int calls;                                                                    \
    int code = nnc_fake_failure == NULL ? SUCCESS : nnc_fake_failure(#name, ++calls);    \
    if (code != SUCCESS) return code == 999 ? INTERNAL_ERROR : code

size_t cublasLtGetVersion(void) { return 139900; }

int cublasLtCreate(void **handle) {
    CALL(cublasLtCreate);
    *handle = malloc(1);
    return SUCCESS;
}

int cublasLtDestroy(void *handle) {
    free(handle);
    return SUCCESS;
}

// Descriptions.

int cublasLtMatrixLayoutCreate(layout **made, int type, uint64_t rows, uint64_t columns, int64_t pitch) {
    CALL(cublasLtMatrixLayoutCreate);
    if (pitch < (int64_t)rows) return INVALID_VALUE;
    *made = malloc(sizeof **made);
    **made = (layout){type, rows, columns, pitch};
    return SUCCESS;
}

int cublasLtMatrixLayoutDestroy(layout *gone) {
    free(gone);
    return SUCCESS;
}

int cublasLtMatmulDescCreate(description **made, int compute, int scale) {
    CALL(cublasLtMatmulDescCreate);
    if (scale != R_32F) return INVALID_VALUE;
    *made = malloc(sizeof **made);
    **made = (description){compute, {OP_N, OP_N}, EPILOGUE_DEFAULT, NULL};
    return SUCCESS;
}

int cublasLtMatmulDescDestroy(description *gone) {
    free(gone);
    return SUCCESS;
}

int cublasLtMatmulDescSetAttribute(description *of, int which, const void *value, size_t bytes) {
    CALL(cublasLtMatmulDescSetAttribute);
    size_t expected = which == DESC_BIAS_POINTER ? sizeof of->bias : sizeof(int32_t);
    if (bytes != expected) return INVALID_VALUE;
    switch (which) {
    case DESC_TRANSA:
    case DESC_TRANSB: memcpy(&of->operations[which - DESC_TRANSA], value, bytes); return SUCCESS;
    case DESC_EPILOGUE: memcpy(&of->epilogue, value, bytes); return SUCCESS;
    case DESC_BIAS_POINTER: memcpy(&of->bias, value, bytes); return SUCCESS;
    default: return INVALID_VALUE;
    }
}

int cublasLtMatmulPreferenceCreate(preference **made) {
    CALL(cublasLtMatmulPreferenceCreate);
    *made = malloc(sizeof **made);
    **made = (preference){0, 7, {256, 256, 256, 256}};
    return SUCCESS;
}

int cublasLtMatmulPreferenceDestroy(preference *gone) {
    free(gone);
    return SUCCESS;
}

int cublasLtMatmulPreferenceSetAttribute(preference *of, int which, const void *value, size_t bytes) {
    CALL(cublasLtMatmulPreferenceSetAttribute);
    void *to;
    if (which == PREF_MAX_WORKSPACE_BYTES) {
        if (bytes != sizeof(uint64_t)) return INVALID_VALUE;
        to = &of->workspace;
    } else if (which == PREF_REDUCTION_SCHEME_MASK) {
        if (bytes != sizeof(uint32_t)) return INVALID_VALUE;
        to = &of->schemes;
    } else {
        if (which < PREF_MIN_ALIGNMENT_A_BYTES || which > PREF_MIN_ALIGNMENT_D_BYTES) return INVALID_VALUE;
        if (bytes != sizeof(uint32_t)) return INVALID_VALUE;
        to = &of->alignments[which - PREF_MIN_ALIGNMENT_A_BYTES];
    }
    memcpy(to, value, bytes);
    return SUCCESS;
}

// Algorithms.

static size_t size_of(int type) { return type == R_32F ? 4 : 2; }

// Rows and columns of a factor as it enters the product.
static uint64_t rows_of(const layout *factor, int operation) { return operation == OP_N ? factor->rows : factor->columns; }
static uint64_t columns_of(const layout *factor, int operation) { return operation == OP_N ? factor->columns : factor->rows; }

static int fits(const description *of, const layout *first, const layout *second, const layout *result) {
    return rows_of(first, of->operations[0]) == result->rows && columns_of(second, of->operations[1]) == result->columns
           && columns_of(first, of->operations[0]) == rows_of(second, of->operations[1]);
}

// The combinations of types in the documentation of cublasLtMatmul(), as far as they are used.
static int knows_types(const description *of, const layout *first, const layout *second, const layout *result) {
    if (first->type != second->type) return 0;
    if (of->compute == COMPUTE_32F_FAST_TF32) return first->type == R_32F && result->type == R_32F;
    if (of->compute != COMPUTE_32F) return 0;
    return first->type == R_32F ? result->type == R_32F : result->type == R_32F || result->type == first->type;
}

static int has_bias(const description *of) { return (of->epilogue & EPILOGUE_BIAS) != 0; }

static int epilogues_are(const char *these) {
    const char *asked = getenv("NNC_FAKE_EPILOGUE");
    return asked != NULL && strcmp(asked, these) == 0;
}

// What is known is computed, and a bias is told of before algorithms are asked for: its address has the alignment.
static int knows_epilogue(const description *of) {
    if (of->epilogue != EPILOGUE_DEFAULT && epilogues_are("none")) return 0;
    if (of->epilogue != EPILOGUE_DEFAULT && (of->epilogue & ~(uint32_t)(EPILOGUE_RELU | EPILOGUE_BIAS)) != 0) return 0;
    return !has_bias(of) || (of->bias != NULL && (size_t)of->bias % 16 == 0);
}

static size_t workspace_of(const layout *result, int splits) {
    return splits == 1 ? 0 : (size_t)splits * result->rows * result->columns * sizeof(float);
}

int cublasLtMatmulAlgoGetHeuristic(void *handle, description *of, layout *first, layout *second, layout *c, layout *d,
                                   preference *wished, int most, answer *answers, int *count) {
    CALL(cublasLtMatmulAlgoGetHeuristic);
    *count = 0;
    if (handle == NULL || most <= 0 || !fits(of, first, second, d) || memcmp(c, d, sizeof *c) != 0) return INVALID_VALUE;
    if (!knows_types(of, first, second, d) || !knows_epilogue(of)) return NOT_SUPPORTED;
    // No matrix of this GPU is sure to begin anywhere else.
    const layout *all[4] = {first, second, c, d};
    for (int i = 0; i < 4; i++)
        if (wished->alignments[i] > 16 * size_of(all[i]->type)) return NOT_SUPPORTED;
    int is_deep = columns_of(first, of->operations[0]) >= 24;
    for (int rank = 0; rank < 2 && *count < most; rank++) {
        int splits = is_deep ? 2 - rank : 1 + rank;
        size_t workspace = workspace_of(d, splits);
        if (workspace > wished->workspace) continue;
        if (splits > 1 && (wished->schemes & REDUCTION_SCHEME_COMPUTE_TYPE) == 0) continue;
        answers[(*count)++] = (answer){.algo = {{MARK, (uint64_t)splits}}, .workspace = workspace, .state = SUCCESS};
    }
    if (*count < most) answers[(*count)++] = (answer){.state = NOT_SUPPORTED};
    return SUCCESS;
}

// Products.

// Cuts what does not fit off, as tensor cores do.
static float truncated(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits &= 0xffffe000;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

static float from_half(uint16_t bits) {
    float sign = bits >> 15 ? -1.0f : 1.0f, fraction = (float)(bits & 0x3ff);
    int exponent = bits >> 10 & 31;
    if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
    return sign * (exponent == 0 ? ldexpf(fraction, -24) : ldexpf(fraction + 1024, exponent - 25));
}

static float load(const void *from, int type, size_t index) {
    uint32_t bits = 0;
    float value;
    switch (type) {
    case R_16F: return from_half(((const uint16_t *)from)[index]);
    case R_16BF: bits = (uint32_t)((const uint16_t *)from)[index] << 16; break;
    default: bits = ((const uint32_t *)from)[index];
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

// To nearest, ties to even; the numbers of these tests are normal ones of that type.
static uint16_t to_half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (fabsf(value) < 6.1e-5f) return (uint16_t)(bits >> 16 & 0x8000) | (uint16_t)lrintf(ldexpf(fabsf(value), 24));
    if (!(fabsf(value) < 65520.0f)) return (uint16_t)((bits >> 16 & 0x8000) | 0x7c00 | (value != value) << 9);
    uint32_t rounded = (bits & 0x7fffffff) - (112u << 23);
    return (uint16_t)((bits >> 16 & 0x8000) | (rounded + 0xfff + (rounded >> 13 & 1)) >> 13);
}

static void store(void *to, int type, size_t index, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    switch (type) {
    case R_16F: ((uint16_t *)to)[index] = to_half(value); break;
    case R_16BF: ((uint16_t *)to)[index] = value != value ? 0x7fff : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16); break;
    default: ((uint32_t *)to)[index] = bits;
    }
}

// An element of a factor as it enters the product.
static float factor(const product *of, int index, uint64_t row, uint64_t column) {
    const layout *at = &of->layouts[index];
    const void *from = index == 0 ? of->first : of->second;
    if (of->of.operations[index] == OP_T) {
        uint64_t swapped = row;
        row = column, column = swapped;
    }
    float value = load(from, at->type, (size_t)(row + column * (uint64_t)at->pitch));
    return of->of.compute == COMPUTE_32F_FAST_TF32 ? truncated(value) : value;
}

static float part(const product *of, uint64_t row, uint64_t column, int split) {
    uint64_t depth = columns_of(&of->layouts[0], of->of.operations[0]);
    float sum = 0;
    for (uint64_t k = depth * (uint64_t)split / (uint64_t)of->splits; k < depth * (uint64_t)(split + 1) / (uint64_t)of->splits; k++)
        sum += factor(of, 0, row, k) * factor(of, 1, k, column);
    return sum;
}

// What the epilogue makes of a sum in a row of the column-major result.
static float finished(const product *of, uint64_t row, float sum) {
    if (has_bias(&of->of)) sum += load(of->of.bias, of->layouts[2].type, (size_t)row);
    int is_relu = of->of.epilogue != EPILOGUE_DEFAULT && (of->of.epilogue & EPILOGUE_RELU) != 0;
    int hides_nan = is_relu && sum != sum && epilogues_are("maximum");
    return hides_nan || (is_relu && sum < 0) ? 0 : sum;
}

static void multiply(const void *data) {
    const product *of = data;
    const layout *result = &of->layouts[2];
    for (uint64_t column = 0; column < result->columns; column++)
        for (uint64_t row = 0; row < result->rows; row++) {
            size_t place = (size_t)(row + column * (uint64_t)result->pitch);
            float sum = part(of, row, column, 0);
            for (int split = 1; split < of->splits; split++) {
                // As if other blocks had left it there.
                float *left = of->workspace + (size_t)split * result->rows * result->columns + place;
                *left = part(of, row, column, split);
                sum += *left;
            }
            float before = of->beta == 0 ? 0 : of->beta * load(of->result, result->type, place);
            store(of->result, result->type, place, finished(of, row, of->alpha * sum + before));
        }
}

static int is_aligned(const void *address, size_t bytes) { return (size_t)address % bytes == 0; }

int cublasLtMatmul(void *handle, description *of, const float *alpha, const void *a, layout *first, const void *b,
                   layout *second, const float *beta, const void *c, layout *third, void *d, layout *result,
                   const algorithm *chosen, void *workspace, size_t bytes, struct stream *stream) {
    CALL(cublasLtMatmul);
    if (handle == NULL || chosen == NULL || chosen->data[0] != MARK) return INVALID_VALUE;
    if (!fits(of, first, second, result) || memcmp(third, result, sizeof *third) != 0 || c != d) return INVALID_VALUE;
    int splits = (int)chosen->data[1];
    if (bytes < workspace_of(result, splits) || !is_aligned(workspace, 256)) return INVALID_VALUE;
    // The fake driver's memory begins at multiples of 16 bytes, whatever a GPU's does.
    if (!is_aligned(a, 16) || !is_aligned(b, 16) || !is_aligned(d, 16)) return INVALID_VALUE;
    if (has_bias(of) && !is_aligned(of->bias, 16)) return INVALID_VALUE;
    product given = {*of, {*first, *second, *result}, a, b, d, workspace, *alpha, *beta, splits};
    if (nnc_fake_give == NULL) return INTERNAL_ERROR;
    return nnc_fake_give(stream, multiply, &given, sizeof given) == SUCCESS ? SUCCESS : EXECUTION_FAILED;
}
