// What the engines of the fake cuDNN compute, and how: a plain convolution. Part of `cudnn.c`.

enum { DATA_FLOAT = 0, DATA_HALF = 2, DATA_BFLOAT16 = 9 };

typedef struct {
    int64_t id, alignment, dimensions[MOST_DIMENSIONS], strides[MOST_DIMENSIONS];
    int count, type, is_virtual;
} tensor;

// A graph: one convolution, perhaps with a bias, perhaps with what is negative made zero.
typedef struct {
    int operation; // the kind of its descriptor
    int axes;
    int64_t dilations[3], strides[3], pads[3];
    tensor x, w, y, bias;
    int has_bias, has_relu, keeps_nan;
} computation;

typedef struct {
    computation of;
    int drops_bits; // the inputs are read with so many bits less
    char *x, *w, *y, *bias, *workspace;
    size_t workspace_bytes;
} execution;

static size_t size_of_data(int type) { return type == DATA_FLOAT ? 4 : 2; }

static float load(const char *from, int type, int64_t at) {
    float value;
    if (type == DATA_FLOAT) {
        memcpy(&value, from + 4 * at, 4);
    } else if (type == DATA_HALF) {
        _Float16 half;
        memcpy(&half, from + 2 * at, 2);
        value = (float)half;
    } else {
        uint16_t upper;
        memcpy(&upper, from + 2 * at, 2);
        uint32_t bits = (uint32_t)upper << 16;
        memcpy(&value, &bits, 4);
    }
    return value;
}

// Rounds to nearest, ties to even.
static void store(char *to, int type, int64_t at, float value) {
    if (type == DATA_FLOAT) {
        memcpy(to + 4 * at, &value, 4);
    } else if (type == DATA_HALF) {
        _Float16 half = (_Float16)value;
        memcpy(to + 2 * at, &half, 2);
    } else {
        uint32_t bits;
        memcpy(&bits, &value, 4);
        uint16_t upper = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
        memcpy(to + 2 * at, &upper, 2);
    }
}

// A number as an engine reads it.
static double read_by(const execution *given, const char *from, int type, int64_t at) {
    float value = load(from, type, at);
    uint32_t bits;
    memcpy(&bits, &value, 4);
    bits &= ~0u << given->drops_bits;
    memcpy(&value, &bits, 4);
    return value;
}

// Size and stride of an axis, of which a tensor has three at most: what it lacks has size 1.
static int64_t size_at(const tensor *of, int axis) { return axis < of->count ? of->dimensions[axis] : 1; }
static int64_t stride_at(const tensor *of, int axis) { return axis < of->count ? of->strides[axis] : 0; }

// The elements of all three tensors that meet in one product.
typedef void term(const execution *given, double *sums, int64_t x, int64_t w, int64_t y);

static void forward(const execution *given, double *sums, int64_t x, int64_t w, int64_t y) {
    sums[y] += read_by(given, given->x, given->of.x.type, x) * read_by(given, given->w, given->of.w.type, w);
}

static void backward_data(const execution *given, double *sums, int64_t x, int64_t w, int64_t y) {
    sums[x] += read_by(given, given->y, given->of.y.type, y) * read_by(given, given->w, given->of.w.type, w);
}

static void backward_filter(const execution *given, double *sums, int64_t x, int64_t w, int64_t y) {
    sums[w] += read_by(given, given->x, given->of.x.type, x) * read_by(given, given->y, given->of.y.type, y);
}

// Where the input lies that an output sees through a tap along an axis; negative if in the padding.
static int64_t seen(const computation *of, int axis, int64_t output, int64_t tap) {
    if (axis >= of->axes) return 0;
    int64_t at = output * of->strides[axis] + tap * of->dilations[axis] - of->pads[axis];
    return at < size_at(&of->x, axis + 2) ? at : -1;
}

// All positions of the last axes of two tensors, from `axis` on.
static void along(const execution *given, double *sums, term *add, int axis, int64_t x, int64_t w, int64_t y) {
    const computation *of = &given->of;
    if (axis == 3) {
        add(given, sums, x, w, y);
        return;
    }
    for (int64_t output = 0; output < size_at(&of->y, axis + 2); output++)
        for (int64_t tap = 0; tap < size_at(&of->w, axis + 2); tap++) {
            int64_t input = seen(of, axis, output, tap);
            if (input < 0) continue;
            along(given, sums, add, axis + 1, x + input * stride_at(&of->x, axis + 2),
                  w + tap * stride_at(&of->w, axis + 2), y + output * stride_at(&of->y, axis + 2));
        }
}

static void add_terms(const execution *given, double *sums, term *add) {
    const computation *of = &given->of;
    int64_t inputs = of->w.dimensions[1], outputs = of->y.dimensions[1];
    int64_t group = outputs / (of->x.dimensions[1] / inputs); // output channels of a group
    for (int64_t n = 0; n < of->y.dimensions[0]; n++)
        for (int64_t k = 0; k < outputs; k++)
            for (int64_t c = 0; c < inputs; c++)
                along(given, sums, add, 0, n * of->x.strides[0] + (k / group * inputs + c) * of->x.strides[1],
                      k * of->w.strides[0] + c * of->w.strides[1], n * of->y.strides[0] + k * of->y.strides[1]);
}

// Elements from the first to the last.
static int64_t extent(const tensor *of) {
    int64_t last = 0;
    for (int axis = 0; axis < of->count; axis++) last += (of->dimensions[axis] - 1) * of->strides[axis];
    return last + 1;
}

// The tensors are packed, so every element between the first and the last is one of theirs.
static void write_sums(const execution *given, const double *sums, const tensor *to, char *at) {
    for (int64_t i = 0; i < extent(to); i++) {
        double value = sums[i];
        if (given->of.has_bias) value += load(given->bias, given->of.bias.type, i % to->dimensions[1]);
        if (given->of.has_relu && (value < 0 || (value != value && !given->of.keeps_nan))) value = 0;
        store(at, to->type, i, (float)value);
    }
}

static void execute(const void *data) {
    const execution *given = data;
    // What it leaves there is of no use to anybody.
    memset(given->workspace, 0xff, given->workspace_bytes);
    int operation = given->of.operation;
    int is_forward = operation == OPERATION_CONVOLUTION_FORWARD;
    int is_data = operation == OPERATION_CONVOLUTION_BACKWARD_DATA;
    const tensor *to = is_forward ? &given->of.y : is_data ? &given->of.x : &given->of.w;
    double *sums = calloc((size_t)extent(to), sizeof *sums);
    add_terms(given, sums, is_forward ? forward : is_data ? backward_data : backward_filter);
    write_sums(given, sums, to, is_forward ? given->y : is_data ? given->x : given->w);
    free(sums);
}
