// The engines of the fake cuDNN, and what its heuristics propose. Part of `cudnn.c`.

// cudnnBackendNumericalNote_t
enum {
    TENSOR_CORE = 0,
    DOWN_CONVERT_INPUTS = 1,
    REDUCED_PRECISION_REDUCTION = 2,
    NONDETERMINISTIC = 4,
    WINOGRAD = 5,
    WINOGRAD_TILE_13x13 = 8,
    STRICT_NAN_PROP = 9,
};

// cudnnBackendBehaviorNote_t
enum { NO_NOTE = -1, REQUIRES_FILTER_INT8x32_REORDER = 1 };

// cudnnBackendHeurMode_t
enum { HEUR_MODE_B = 1, HEUR_MODE_FALLBACK = 2, HEUR_MODE_A = 3 };

// cudnnBackendKnobType_t
enum { KNOB_TILE_SIZE = 2 };

typedef struct {
    int64_t index, workspace;
    int numerical_notes[2], numerical_count, behavior_note;
    int drops_bits; // of 32-bit inputs
    int has_no_plan;
} engine;

enum {
    ZERO,
    PLAIN,
    RANDOM,
    TENSORS,
    HUGE,
    PLANLESS,
    DOWN,
    REDUCED,
    REORDERED,
    LARGE_TILES,
    MORE_TENSORS,
    OTHER,
    ENGINES,
};

static const engine engines[ENGINES] = {
    [ZERO] = {0, 0, {STRICT_NAN_PROP}, 1, NO_NOTE, 0, 0},
    [PLAIN] = {1, 0, {0}, 0, NO_NOTE, 0, 0},
    [RANDOM] = {4, 4096, {NONDETERMINISTIC}, 1, NO_NOTE, 0, 0},
    [TENSORS] = {41, 131, {TENSOR_CORE}, 1, NO_NOTE, 13, 0},
    [HUGE] = {38, (int64_t)1 << 40, {0}, 0, NO_NOTE, 0, 0},
    [PLANLESS] = {67, 0, {0}, 0, NO_NOTE, 0, 1},
    [DOWN] = {70, 0, {DOWN_CONVERT_INPUTS}, 1, NO_NOTE, 16, 0},
    [REDUCED] = {25, 0, {REDUCED_PRECISION_REDUCTION}, 1, NO_NOTE, 0, 0},
    [REORDERED] = {33, 0, {0}, 0, REQUIRES_FILTER_INT8x32_REORDER, 0, 0},
    [LARGE_TILES] = {5, 0, {WINOGRAD, WINOGRAD_TILE_13x13}, 2, NO_NOTE, 0, 0},
    [MORE_TENSORS] = {48, 0, {TENSOR_CORE}, 1, NO_NOTE, 13, 0},
    [OTHER] = {28, 64, {0}, 0, NO_NOTE, 0, 0},
};

// An engine, and the setting of its one knob, if it has one.
typedef struct {
    const engine *engine;
    int has_knob;
    int64_t knob;
} proposal;

static const struct {
    int mode, engine, has_knob, knob;
} table[] = {
    {HEUR_MODE_A, TENSORS, 1, 5},
    {HEUR_MODE_A, HUGE, 0, 0},
    {HEUR_MODE_A, RANDOM, 0, 0},
    {HEUR_MODE_A, TENSORS, 1, -1},
    {HEUR_MODE_A, PLANLESS, 0, 0},
    {HEUR_MODE_A, DOWN, 0, 0},
    {HEUR_MODE_A, PLAIN, 0, 0},
    {HEUR_MODE_B, TENSORS, 1, 5},
    {HEUR_MODE_B, TENSORS, 1, 2},
    {HEUR_MODE_B, TENSORS, 1, 3},
    {HEUR_MODE_B, TENSORS, 1, 4},
    {HEUR_MODE_B, REDUCED, 0, 0},
    {HEUR_MODE_B, REORDERED, 0, 0},
    {HEUR_MODE_B, MORE_TENSORS, 0, 0},
    {HEUR_MODE_B, OTHER, 1, 1},
    {HEUR_MODE_B, OTHER, 1, 2},
    {HEUR_MODE_FALLBACK, PLAIN, 0, 0},
    {HEUR_MODE_FALLBACK, LARGE_TILES, 0, 0},
    {HEUR_MODE_FALLBACK, ZERO, 0, 0},
};

// The `place`-th proposal of a heuristic, or how many there are, if `place` is behind them.
static int find(int mode, int place, proposal *found) {
    int count = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].mode != mode || count++ != place) continue;
        *found = (proposal){&engines[table[i].engine], table[i].has_knob, table[i].knob};
    }
    return count;
}

static int proposals(int mode) { return find(mode, -1, NULL); }

static proposal proposed(int mode, int place) {
    proposal found = {0};
    find(mode, place, &found);
    return found;
}
