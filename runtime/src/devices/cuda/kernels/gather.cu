// A batch from a data set that lies on the device: samples in an order, standardised, perhaps cut and
// mirrored, as `runtime/src/data/transform.rs` does it, to the same bits.

// Where an epoch stands; in device memory, so that a captured graph need not be changed.
typedef struct {
    uint64 seed, epoch;
    int64 first;  // place in the order of the batch's first sample
} Epoch;

// The place in a stored sample of one element of a view of it, or -1 if that lies outside. The view begins
// `down` and `right` of the sample's corner.
FUNCTION int nnc_view(int element, int height, int width, int channels, int transposed, int flip, int down, int right) {
    // A map that is read as a vector comes in the order channels, rows, columns.
    const int channel = transposed ? element / (height * width) : element % channels;
    const int pixel = transposed ? element % (height * width) : element / channels;
    const int column = pixel % width;
    const int from_row = pixel / width + down, from_column = (flip ? width - 1 - column : column) + right;
    const int inside = from_row >= 0 && from_row < height && from_column >= 0 && from_column < width;
    return inside ? (from_row * width + from_column) * channels + channel : -1;
}

// Elements of a block: each of its threads has eight.
#define NNC_GATHER 2048

// Blocks: as many for each sample of the batch as there are pieces of its elements. Samples are bytes or
// floats; `mean` and `scale` repeat after `period` elements; `crop` is the border of zeros from which a
// random cut is taken.
KERNEL(nnc_gather, 256, 14)
(const void *__restrict__ samples, const int *__restrict__ order, const float *__restrict__ mean,
 const float *__restrict__ scale, const Epoch *epoch, real *__restrict__ input, int64 are_bytes, int64 height,
 int64 width, int64 channels, int64 period, int64 transposed, int64 flip, int64 crop) {
    const int len = (int)(height * width * channels), pieces = (len + NNC_GATHER - 1) / NNC_GATHER;
    const int64 sample = blockIdx.x / pieces;
    const int64 index = order[epoch->first + sample];
    uint32 words[4];
    philox_block(epoch->seed, epoch->epoch, 3u << 24, (uint32)index, words);
    const uint64 places = 2 * (uint64)crop + 1;
    const int down = (int)(words[2] * places >> 32) - (int)crop;
    const int right = (int)(words[3] * places >> 32) - (int)crop;
    const int mirrored = flip && words[0] >> 31;
    const int start = (int)(blockIdx.x % pieces) * NNC_GATHER;
    for (int i = start + (int)threadIdx.x; i < start + NNC_GATHER && i < len; i += blockDim.x) {
        const int from = nnc_view(i, (int)height, (int)width, (int)channels, (int)transposed, mirrored, down, right);
        float value = 0.0f;
        if (from >= 0) {
            const int64 place = index * len + from;
            value = are_bytes ? (float)((const unsigned char *)samples)[place] : ((const float *)samples)[place];
            value = (value - mean[from % (int)period]) * scale[from % (int)period];
        }
        store1(input + sample * len + i, &value);
    }
}

// to = the rows of `len` words, labels or targets, of the batch's samples.
KERNEL(nnc_gather_targets, 256, 6)
(const uint32 *__restrict__ rows, const int *__restrict__ order, const Epoch *epoch, uint32 *__restrict__ to,
 int64 len, int64 batch) {
    const int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < batch * len) to[i] = rows[order[epoch->first + i / len] * len + i % len];
}

// The next batch of the epoch.
KERNEL(nnc_next_batch, 32, 2)(Epoch *epoch, int64 batch) {
    if (threadIdx.x == 0) epoch->first += batch;
}
