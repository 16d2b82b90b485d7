// What finalising a descriptor checks, and what it comes to stand for. Part of `cudnn.c`.

static int finalize_tensor(descriptor *of) {
    tensor *made = &of->tensor;
    const value *dimensions = get(of, 902), *strides = get(of, 903), *is_virtual = get(of, 907);
    *made = (tensor){.id = integer(of, 906), .alignment = integer(of, 900), .type = code(of, 901)};
    made->count = dimensions->count;
    made->is_virtual = is_virtual->values != NULL && *(bool *)is_virtual->values;
    if (made->type != DATA_FLOAT && made->type != DATA_HALF && made->type != DATA_BFLOAT16)
        return fail(NOT_SUPPORTED, "tensors are of 32 or 16 bits");
    if (dimensions->count != strides->count) return fail(BAD_PARAM, "as many strides as dimensions");
    if (made->alignment <= 0 || made->alignment % (int64_t)size_of_data(made->type) != 0)
        return fail(BAD_PARAM, "alignment is a multiple of the element's size");
    for (int i = 0; i < made->count; i++) {
        made->dimensions[i] = ((int64_t *)dimensions->values)[i];
        made->strides[i] = ((int64_t *)strides->values)[i];
        if (made->dimensions[i] <= 0 || made->strides[i] <= 0) return fail(BAD_PARAM, "sizes and strides are positive");
    }
    return SUCCESS;
}

static int finalize_convolution(descriptor *of) {
    int axes = (int)integer(of, 106);
    if (axes < 1 || axes > 3) return fail(NOT_SUPPORTED, "convolutions have one to three axes");
    if (code(of, 100) != DATA_FLOAT || code(of, 101) != 1)
        return fail(NOT_SUPPORTED, "cross-correlations in 32 bits alone");
    for (int name = 102; name <= 105; name++) {
        if (get(of, name)->count != axes) return fail(BAD_PARAM, "a number for each axis");
        for (int i = 0; i < axes; i++)
            if (((int64_t *)get(of, name)->values)[i] < (name <= 103)) return fail(BAD_PARAM, "a size is too small");
    }
    return SUCCESS;
}

// Whether the windows of an axis are as many as the output is long.
static int is_axis(const descriptor *windows, int axis, int64_t x, int64_t w, int64_t y) {
    const int64_t *dilations = get(windows, 102)->values, *strides = get(windows, 103)->values;
    const int64_t *post = get(windows, 104)->values, *pre = get(windows, 105)->values;
    int64_t room = x + pre[axis] + post[axis] - ((w - 1) * dilations[axis] + 1);
    return room >= 0 && room / strides[axis] + 1 == y;
}

static int finalize_convolving(descriptor *of, int first) {
    const descriptor *windows = part(of, first + 2);
    computation *made = &of->graph;
    *made = (computation){.operation = of->kind, .axes = (int)integer(windows, 106)};
    made->w = part(of, first + 3)->tensor, made->x = part(of, first + 4)->tensor, made->y = part(of, first + 5)->tensor;
    if (*(float *)get(of, first)->values != 1 || *(float *)get(of, first + 1)->values != 0)
        return fail(NOT_SUPPORTED, "alpha is 1, and beta 0");
    const tensor *x = &made->x, *w = &made->w, *y = &made->y;
    if (x->count != made->axes + 2 || w->count != x->count || y->count != x->count)
        return fail(BAD_PARAM, "two dimensions more than axes");
    int64_t groups = x->dimensions[1] / w->dimensions[1];
    if (x->dimensions[0] != y->dimensions[0] || w->dimensions[0] != y->dimensions[1] ||
        x->dimensions[1] % w->dimensions[1] != 0 || y->dimensions[1] % groups != 0)
        return fail(SHAPE_MISMATCH, "samples and channels do not fit");
    for (int i = 0; i < made->axes; i++) {
        if (!is_axis(windows, i, x->dimensions[i + 2], w->dimensions[i + 2], y->dimensions[i + 2]))
            return fail(SHAPE_MISMATCH, "an axis of the output has another size");
        made->dilations[i] = ((int64_t *)get(windows, 102)->values)[i];
        made->strides[i] = ((int64_t *)get(windows, 103)->values)[i];
        made->pads[i] = ((int64_t *)get(windows, 105)->values)[i];
    }
    return SUCCESS;
}

// A number for each channel is added (mode 0), or what is negative becomes zero (mode 100).
static int finalize_pointwise(const descriptor *of) {
    int mode = code(part(of, 750), 0), has_second = get(of, 752)->values != NULL;
    const tensor *x = &part(of, 751)->tensor, *y = &part(of, 753)->tensor;
    if ((mode != 0 && mode != 100) || (mode == 0) != has_second) return fail(BAD_PARAM, "additions of two, or a ReLU");
    for (int i = 0; i < y->count; i++) {
        int64_t second = has_second ? part(of, 752)->tensor.dimensions[i] : 1;
        if (x->dimensions[i] != y->dimensions[i] || (second != 1 && second != y->dimensions[i]))
            return fail(SHAPE_MISMATCH, "tensors have one shape, or a second one has size 1");
    }
    return SUCCESS;
}

// A convolution, or one whose sums go through an addition and perhaps a ReLU, each in the next one's place.
static int finalize_graph(descriptor *of) {
    descriptor *const *operations = get(of, 801)->values;
    int count = get(of, 801)->count;
    computation *made = &of->graph;
    if (operations[0]->kind == OPERATION_POINTWISE) return fail(NOT_SUPPORTED, "a graph begins with a convolution");
    *made = operations[0]->graph;
    for (int i = 1; i < count; i++) {
        const descriptor *next = operations[i];
        if (next->kind != OPERATION_POINTWISE || made->operation != OPERATION_CONVOLUTION_FORWARD)
            return fail(NOT_SUPPORTED, "what follows a forward convolution is pointwise");
        if (!made->y.is_virtual || made->y.type != DATA_FLOAT || part(next, 751)->tensor.id != made->y.id)
            return fail(NOT_SUPPORTED, "operations are joined by virtual tensors of 32 bits");
        if (code(part(next, 750), 0) == 0) {
            made->has_bias = 1, made->bias = part(next, 752)->tensor;
        } else {
            // CUDNN_NOT_PROPAGATE_NAN by default
            const value *nan = get(part(next, 750), 2);
            made->has_relu = 1, made->keeps_nan = nan->values != NULL && *(int *)nan->values;
        }
        made->y = part(next, 753)->tensor;
    }
    int is_typed = made->x.type == made->w.type && made->x.type == made->y.type;
    if (made->has_bias) is_typed &= made->bias.type == made->x.type;
    const char *epilogues = getenv("NNC_FAKE_EPILOGUE");
    if (count > 1 && epilogues != NULL && strcmp(epilogues, "none") == 0) return fail(NOT_SUPPORTED, "convolutions alone");
    if (!is_typed || made->x.is_virtual || made->y.is_virtual)
        return fail(NOT_SUPPORTED, "no engine for this graph");
    return SUCCESS;
}

static int finalize(descriptor *of) {
    switch (of->kind) {
    case TENSOR: return finalize_tensor(of);
    case CONVOLUTION: return finalize_convolution(of);
    case OPERATION_CONVOLUTION_FORWARD: return finalize_convolving(of, 700);
    case OPERATION_CONVOLUTION_BACKWARD_DATA: return finalize_convolving(of, 706);
    case OPERATION_CONVOLUTION_BACKWARD_FILTER: return finalize_convolving(of, 712);
    case OPERATION_POINTWISE: return finalize_pointwise(of);
    case OPERATIONGRAPH: return finalize_graph(of);
    case ENGINEHEUR:
        of->graph = part(of, 201)->graph;
        of->mode = code(of, 200);
        return SUCCESS;
    case EXECUTION_PLAN:
        of->graph = part(of, 401)->graph;
        of->engine = part(of, 401)->engine;
        return of->engine.engine->has_no_plan ? fail(NOT_SUPPORTED, "the engine does not run on this GPU") : SUCCESS;
    case VARIANT_PACK:
        return get(of, 1000)->count == get(of, 1001)->count ? SUCCESS : fail(BAD_PARAM, "a place for each tensor");
    default: return SUCCESS;
    }
}
