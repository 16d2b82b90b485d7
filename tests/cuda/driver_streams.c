// Streams, events, launches and graphs of the fake driver. Part of `driver.c`.

int cuStreamCreate(stream **made, unsigned flags) {
    DEVICE_CALL(cuStreamCreate);
    (void)flags;
    *made = calloc(1, sizeof **made);
    (*made)->next = streams;
    streams = *made;
    return SUCCESS;
}

// Events go on naming it, so its few bytes stay.
int cuStreamDestroy_v2(stream *gone) {
    CALL(cuStreamDestroy);
    if (lost == SUCCESS) run(gone, gone->given);
    return SUCCESS;
}

// Waiting for what is only written down would be waiting forever.
static int may_wait_for(stream *of) {
    if (of->capture == NULL) return SUCCESS;
    of->capture->invalid = 1;
    return CAPTURE_UNSUPPORTED;
}

int cuStreamSynchronize(stream *of) {
    DEVICE_CALL(cuStreamSynchronize);
    if (may_wait_for(of) != SUCCESS) return CAPTURE_UNSUPPORTED;
    run(of, of->given);
    return lost;
}

int cuEventCreate(event **made, unsigned flags) {
    DEVICE_CALL(cuEventCreate);
    *made = calloc(1, sizeof **made);
    (*made)->untimed = (flags & 2) != 0; // CU_EVENT_DISABLE_TIMING
    return SUCCESS;
}

int cuEventDestroy_v2(event *gone) {
    CALL(cuEventDestroy);
    if (lost == SUCCESS) run_all();
    free(gone);
    return SUCCESS;
}

int cuEventRecord(event *recorded, stream *in) {
    DEVICE_CALL(cuEventRecord);
    *recorded = (event){.stream = in, .capture = in->capture, .untimed = recorded->untimed};
    if (in->capture != NULL) {
        recorded->place = in->captured;
        return SUCCESS;
    }
    give(in, &(operation){.kind = RECORD, .event = recorded});
    recorded->place = in->given;
    return SUCCESS;
}

int cuEventSynchronize(event *of) {
    DEVICE_CALL(cuEventSynchronize);
    if (of->capture != NULL) return CAPTURED_EVENT;
    if (of->stream != NULL) run(of->stream, of->place);
    return lost;
}

int cuEventElapsedTime_v2(float *milliseconds, event *start, event *end) {
    DEVICE_CALL(cuEventElapsedTime);
    if (start->capture != NULL || end->capture != NULL) return CAPTURED_EVENT;
    if (start->stream == NULL || end->stream == NULL) return INVALID_HANDLE;
    if (start->untimed || end->untimed) return INVALID_HANDLE;
    if (start->time == 0 || end->time == 0) return NOT_READY;
    *milliseconds = (float)(end->time - start->time);
    return SUCCESS;
}

// A stream that waits for a captured event is captured, too; the other stream is joined if nothing came
// after.
static int wait_in_capture(stream *waiting, event *of) {
    if (of->capture != capture || (waiting->capture != NULL && waiting->capture != of->capture)) {
        if (capture != NULL) capture->invalid = 1;
        return CAPTURE_ISOLATION;
    }
    if (waiting->capture == NULL) {
        waiting->capture = of->capture;
        waiting->captured = 0;
        waiting->forked = 1;
    }
    if (of->stream != waiting && of->place == of->stream->captured) of->stream->forked = 0;
    return SUCCESS;
}

int cuStreamWaitEvent(stream *waiting, event *of, unsigned flags) {
    DEVICE_CALL(cuStreamWaitEvent);
    (void)flags;
    if (of->capture != NULL || waiting->capture != NULL) return wait_in_capture(waiting, of);
    // An event that was never recorded holds nobody up.
    if (of->stream != NULL) give(waiting, &(operation){.kind = WAIT, .stream = of->stream, .place = of->place});
    return SUCCESS;
}

int cuLaunchKernel(function *of, unsigned x, unsigned y, unsigned z, unsigned block_x, unsigned block_y,
                   unsigned block_z, unsigned shared, stream *in, void **arguments, void **extra) {
    DEVICE_CALL(cuLaunchKernel);
    if (x == 0 || x > 0x7fffffff || y == 0 || y > 65535 || z == 0 || z > 65535) return INVALID_VALUE;
    if (block_x == 0 || block_x > (unsigned)of->threads || block_y != 1 || block_z != 1) return INVALID_VALUE;
    if (shared > (unsigned)of->shared || extra != NULL) return INVALID_VALUE;
    operation given = {.kind = LAUNCH, .function = of, .grid = {x, y, z}, .threads = block_x, .shared = shared};
    for (int i = 0; i < of->parameters; i++) memcpy(&given.arguments[i], arguments[i], sizeof(word));
    give(in, &given);
    return SUCCESS;
}

// The data stay, few as they are: a graph goes on naming them.
int nnc_fake_give(stream *in, library_work *work, const void *data, size_t bytes) {
    DEVICE_CALL(nnc_fake_give);
    if (in == NULL) return INVALID_VALUE;
    give(in, &(operation){.kind = LIBRARY, .work = work, .data = memcpy(malloc(bytes + 1), data, bytes)});
    return SUCCESS;
}

int nnc_fake_failure(const char *name, int calls) { return failure(name, calls); }

int cuStreamBeginCapture_v2(stream *origin, int mode) {
    DEVICE_CALL(cuStreamBeginCapture);
    (void)mode;
    if (capture != NULL || origin->capture != NULL) return CAPTURE_UNSUPPORTED;
    capture = calloc(1, sizeof *capture);
    capture->origin = origin;
    origin->capture = capture;
    origin->captured = 0;
    origin->forked = 0;
    return SUCCESS;
}

// Leaves nothing of a capture; says whether all its streams had come together.
static int end_capture(void) {
    int code = capture->invalid ? CAPTURE_INVALIDATED : SUCCESS;
    for (stream *each = streams; each != NULL; each = each->next) {
        if (each->capture != capture) continue;
        each->capture = NULL;
        if (each->forked && code == SUCCESS) code = CAPTURE_UNJOINED;
    }
    return code;
}

int cuStreamEndCapture(stream *origin, graph **captured) {
    CALL(cuStreamEndCapture);
    *captured = NULL;
    if (capture == NULL || capture->origin != origin) return CAPTURE_UNMATCHED;
    int code = end_capture();
    if (code != SUCCESS) {
        drop(&capture->operations);
    } else {
        *captured = capture;
    }
    capture = NULL;
    return code;
}

int cuGraphInstantiateWithFlags(graph **made, graph *captured, unsigned long long flags) {
    DEVICE_CALL(cuGraphInstantiateWithFlags);
    if (flags != 0) return INVALID_VALUE;
    *made = calloc(1, sizeof **made);
    for (operation *each = captured->operations.first; each != NULL; each = each->next)
        append(&(*made)->operations, each);
    return SUCCESS;
}

static int destroy_graph(graph *gone) {
    drop(&gone->operations);
    free(gone);
    return SUCCESS;
}

int cuGraphDestroy(graph *gone) {
    CALL(cuGraphDestroy);
    return destroy_graph(gone);
}

int cuGraphExecDestroy(graph *gone) {
    CALL(cuGraphExecDestroy);
    if (lost == SUCCESS) run_all();
    return destroy_graph(gone);
}

int cuGraphUpload(graph *made, stream *in) {
    DEVICE_CALL(cuGraphUpload);
    (void)made;
    return may_wait_for(in);
}

int cuGraphLaunch(graph *made, stream *in) {
    DEVICE_CALL(cuGraphLaunch);
    if (may_wait_for(in) != SUCCESS) return CAPTURE_UNSUPPORTED;
    give(in, &(operation){.kind = GRAPH, .graph = made});
    return SUCCESS;
}
