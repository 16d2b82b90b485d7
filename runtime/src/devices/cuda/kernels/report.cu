// How a batch did.
//
// Two launches: `nnc_score` counts right answers in parts, `nnc_report` adds the parts, and takes the mean of the
// losses. Sums have a fixed order, so that they are the same on every run.

// Zeros at the start; lies in device memory.
typedef struct {
    double loss;    // mean over the samples, also of a step that fails by it
    int64 correct;  // labels whose channel was the largest; none of a step that fails
} Report;

// parts[block] = the labels whose logit is the largest of its row; the first of equals counts. Lanes
// share a row: a power of two up to a warp.
KERNEL(nnc_score, 256, 5)
(const float *__restrict__ logits, const int *__restrict__ labels, int64 *__restrict__ parts, int64 rows, int64 classes) {
    SHARED int right[256];
    int lanes = 1;
    while (lanes < classes && lanes < 32) lanes *= 2;
    const int lane = threadIdx.x % lanes, rows_of_block = blockDim.x / lanes;
    const int64 blocks_rows = (int64)gridDim.x * rows_of_block;
    int count = 0;
    // All threads of a warp take as many turns, because they shuffle.
    for (int64 first = (int64)blockIdx.x * rows_of_block; first < rows; first += blocks_rows) {
        const int64 row = first + threadIdx.x / lanes;
        float best = as_float(0xff800000u);
        int place = 0x7fffffff;
        for (int k = lane; row < rows && k < classes; k += lanes) {
            const float logit = logits[row * classes + k];
            if (place == 0x7fffffff || logit > best) best = logit, place = k;
        }
        for (int distance = lanes / 2; distance > 0; distance /= 2) {
            const float other = shuffle_xor(best, distance);
            const int other_place = shuffle_xor_int(place, distance);
            if (other > best || (other == best && other_place < place)) best = other, place = other_place;
        }
        if (lane == 0 && row < rows) count += place == labels[row];
    }
    right[threadIdx.x] = count;
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        barrier();
        if (threadIdx.x < half) right[threadIdx.x] += right[threadIdx.x + half];
    }
    if (threadIdx.x == 0) parts[blockIdx.x] = right[0];
}

// The report of a batch, from the losses of its samples and the `part_count` parts of its labels, in one block. A loss
// that is not finite makes the step fail; behind a step that has failed nothing is reported.
KERNEL(nnc_report, 256, 6)
(const float *__restrict__ losses, const int64 *__restrict__ parts, Report *report, Step *step, int64 batch,
 int64 part_count) {
    SHARED double sums[256];
    SHARED int64 counts[256];
    double sum = 0.0;
    int64 count = 0;
    for (int64 i = threadIdx.x; i < batch; i += blockDim.x) sum += (double)losses[i];
    for (int64 i = threadIdx.x; i < part_count; i += blockDim.x) count += parts[i];
    sums[threadIdx.x] = sum, counts[threadIdx.x] = count;
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        barrier();
        if (threadIdx.x < half) {
            sums[threadIdx.x] += sums[threadIdx.x + half];
            counts[threadIdx.x] += counts[threadIdx.x + half];
        }
    }
    if (threadIdx.x != 0 || step->not_finite) return;
    report->loss = sums[0] / (double)batch;
    const float loss = (float)report->loss;
    if ((as_bits(loss) & 0x7f800000u) == 0x7f800000u)
        step->not_finite = STEP_FAILED;
    else
        report->correct = counts[0];
}
