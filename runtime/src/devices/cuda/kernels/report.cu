typedef struct {
    double loss;   // sum over the samples
    int64 correct; // rows whose first largest channel is their label
} nnc_report_result;

// Sums up how a batch did, in a fixed order; the step's flag is set if the sum is not finite.
KERNEL(nnc_report, 256, 8)(const float *losses, int64 samples, const float *logits, const int *labels, int64 rows,
                           int64 classes, nnc_report_result *result, Step *step) {
    SHARED double loss[256];
    SHARED int correct[256];
    double sum = 0;
    for (int64 i = threadIdx.x; i < samples; i += 256) sum += losses[i];
    int hits = 0;
    for (int64 row = threadIdx.x; row < rows; row += 256) {
        const float *values = logits + row * classes;
        int best = 0;
        for (int i = 1; i < classes; i++) best = values[i] > values[best] ? i : best;
        hits += best == labels[row];
    }
    loss[threadIdx.x] = sum;
    correct[threadIdx.x] = hits;
    barrier();
    if (threadIdx.x == 0) {
        for (int i = 1; i < 256; i++) sum += loss[i], hits += correct[i];
        result->loss = sum;
        result->correct = hits;
        if (!(fabs(sum) <= 1e300)) step->not_finite = 1;
    }
}
