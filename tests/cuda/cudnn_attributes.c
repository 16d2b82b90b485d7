// What the descriptors of cuDNN's backend accept, as `cudnn_graph.h` of version 9.26 documents them: those that
// the runtime uses. Part of `cudnn.c`.

// cudnnBackendDescriptorType_t
enum {
    POINTWISE = 0,
    CONVOLUTION = 1,
    ENGINE = 2,
    ENGINECFG = 3,
    ENGINEHEUR = 4,
    EXECUTION_PLAN = 5,
    KNOB_CHOICE = 7,
    OPERATION_CONVOLUTION_FORWARD = 10,
    OPERATION_CONVOLUTION_BACKWARD_FILTER = 11,
    OPERATION_CONVOLUTION_BACKWARD_DATA = 12,
    OPERATION_POINTWISE = 13,
    OPERATIONGRAPH = 15,
    VARIANT_PACK = 16,
    TENSOR = 17,
    ANY_OPERATION = -1, // not of the header: one of the four
    NONE = -2,
};

// cudnnBackendAttributeType_t
enum {
    TYPE_HANDLE = 0,
    TYPE_DATA_TYPE = 1,
    TYPE_BOOLEAN = 2,
    TYPE_INT64 = 3,
    TYPE_FLOAT = 4,
    TYPE_DOUBLE = 5,
    TYPE_VOID_PTR = 6,
    TYPE_CONVOLUTION_MODE = 7,
    TYPE_HEUR_MODE = 8,
    TYPE_KNOB_TYPE = 9,
    TYPE_NAN_PROPAGATION = 10,
    TYPE_NUMERICAL_NOTE = 11,
    TYPE_POINTWISE_MODE = 14,
    TYPE_BACKEND_DESCRIPTOR = 15,
    TYPE_BEHAVIOR_NOTE = 19,
};

static size_t size_of_type(int type) {
    switch (type) {
    case TYPE_BOOLEAN: return 1;
    case TYPE_DATA_TYPE:
    case TYPE_FLOAT:
    case TYPE_CONVOLUTION_MODE:
    case TYPE_HEUR_MODE:
    case TYPE_KNOB_TYPE:
    case TYPE_NAN_PROPAGATION:
    case TYPE_NUMERICAL_NOTE:
    case TYPE_POINTWISE_MODE:
    case TYPE_BEHAVIOR_NOTE: return 4;
    default: return 8;
    }
}

// CUDNN_DIM_MAX
#define MOST_DIMENSIONS 8
#define MANY 64

typedef struct {
    int kind, name, type, other_type, least, most;
    enum { REQUIRED, OPTIONAL, READ_ONLY } use;
    int of; // the kind of the descriptors that are its values
} attribute;

#define ONE(kind, name, type, use) {kind, name, type, type, 1, 1, use, NONE}
#define FLOATING(kind, name) {kind, name, TYPE_FLOAT, TYPE_DOUBLE, 1, MANY, REQUIRED, NONE}
#define SIZES(kind, name, least) {kind, name, TYPE_INT64, TYPE_INT64, least, MOST_DIMENSIONS, REQUIRED, NONE}
#define DESCRIPTOR(kind, name, use, of) \
    {kind, name, TYPE_BACKEND_DESCRIPTOR, TYPE_BACKEND_DESCRIPTOR, 1, 1, use, of}
#define DESCRIPTORS(kind, name, least, use, of) \
    {kind, name, TYPE_BACKEND_DESCRIPTOR, TYPE_BACKEND_DESCRIPTOR, least, MANY, use, of}
#define NOTES(kind, name, type) {kind, name, type, type, 0, MANY, READ_ONLY, NONE}
// Alpha, beta, the convolution, and the tensors: w, x, y.
#define CONVOLVING(kind, first)                                                                        \
    FLOATING(kind, first), FLOATING(kind, first + 1), DESCRIPTOR(kind, first + 2, REQUIRED, CONVOLUTION), \
        DESCRIPTOR(kind, first + 3, REQUIRED, TENSOR), DESCRIPTOR(kind, first + 4, REQUIRED, TENSOR),  \
        DESCRIPTOR(kind, first + 5, REQUIRED, TENSOR)

static const attribute attributes[] = {
    ONE(POINTWISE, 0, TYPE_POINTWISE_MODE, REQUIRED),
    ONE(POINTWISE, 1, TYPE_DATA_TYPE, REQUIRED),                // MATH_PREC
    ONE(POINTWISE, 2, TYPE_NAN_PROPAGATION, OPTIONAL),
    ONE(CONVOLUTION, 100, TYPE_DATA_TYPE, REQUIRED),            // COMP_TYPE
    ONE(CONVOLUTION, 101, TYPE_CONVOLUTION_MODE, REQUIRED),
    SIZES(CONVOLUTION, 102, 1),                                 // DILATIONS
    SIZES(CONVOLUTION, 103, 1),                                 // FILTER_STRIDES
    SIZES(CONVOLUTION, 104, 1),                                 // POST_PADDINGS
    SIZES(CONVOLUTION, 105, 1),                                 // PRE_PADDINGS
    ONE(CONVOLUTION, 106, TYPE_INT64, REQUIRED),                // SPATIAL_DIMS
    ONE(ENGINEHEUR, 200, TYPE_HEUR_MODE, REQUIRED),
    DESCRIPTOR(ENGINEHEUR, 201, REQUIRED, OPERATIONGRAPH),
    DESCRIPTORS(ENGINEHEUR, 202, 0, READ_ONLY, ENGINECFG),      // RESULTS
    DESCRIPTOR(ENGINECFG, 300, REQUIRED, ENGINE),
    DESCRIPTORS(ENGINECFG, 302, 0, OPTIONAL, KNOB_CHOICE),
    ONE(EXECUTION_PLAN, 400, TYPE_HANDLE, REQUIRED),
    DESCRIPTOR(EXECUTION_PLAN, 401, REQUIRED, ENGINECFG),
    ONE(EXECUTION_PLAN, 402, TYPE_INT64, READ_ONLY),            // WORKSPACE_SIZE
    ONE(KNOB_CHOICE, 600, TYPE_KNOB_TYPE, REQUIRED),
    ONE(KNOB_CHOICE, 601, TYPE_INT64, REQUIRED),
    CONVOLVING(OPERATION_CONVOLUTION_FORWARD, 700),
    CONVOLVING(OPERATION_CONVOLUTION_BACKWARD_DATA, 706),
    CONVOLVING(OPERATION_CONVOLUTION_BACKWARD_FILTER, 712),
    DESCRIPTOR(OPERATION_POINTWISE, 750, REQUIRED, POINTWISE),
    DESCRIPTOR(OPERATION_POINTWISE, 751, REQUIRED, TENSOR),     // XDESC
    DESCRIPTOR(OPERATION_POINTWISE, 752, OPTIONAL, TENSOR),     // BDESC
    DESCRIPTOR(OPERATION_POINTWISE, 753, REQUIRED, TENSOR),     // YDESC
    ONE(OPERATIONGRAPH, 800, TYPE_HANDLE, REQUIRED),
    DESCRIPTORS(OPERATIONGRAPH, 801, 1, REQUIRED, ANY_OPERATION),
    ONE(TENSOR, 900, TYPE_INT64, REQUIRED),                     // BYTE_ALIGNMENT
    ONE(TENSOR, 901, TYPE_DATA_TYPE, REQUIRED),
    SIZES(TENSOR, 902, 1),                                      // DIMENSIONS
    SIZES(TENSOR, 903, 1),                                      // STRIDES
    ONE(TENSOR, 906, TYPE_INT64, REQUIRED),                     // UNIQUE_ID
    ONE(TENSOR, 907, TYPE_BOOLEAN, OPTIONAL),                   // IS_VIRTUAL
    {VARIANT_PACK, 1000, TYPE_INT64, TYPE_INT64, 0, MANY, REQUIRED, NONE},       // UNIQUE_IDS
    {VARIANT_PACK, 1001, TYPE_VOID_PTR, TYPE_VOID_PTR, 0, MANY, REQUIRED, NONE}, // DATA_POINTERS
    ONE(VARIANT_PACK, 1003, TYPE_VOID_PTR, REQUIRED),           // WORKSPACE
    DESCRIPTOR(ENGINE, 1300, REQUIRED, OPERATIONGRAPH),
    ONE(ENGINE, 1301, TYPE_INT64, REQUIRED),                    // GLOBAL_INDEX
    NOTES(ENGINE, 1303, TYPE_NUMERICAL_NOTE),
    NOTES(ENGINE, 1305, TYPE_BEHAVIOR_NOTE),
};

#define ATTRIBUTES (sizeof attributes / sizeof *attributes)

static const attribute *attribute_of(int kind, int name) {
    for (size_t i = 0; i < ATTRIBUTES; i++)
        if (attributes[i].kind == kind && attributes[i].name == name) return &attributes[i];
    return NULL;
}
