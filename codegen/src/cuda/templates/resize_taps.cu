#ifndef NNC_RESIZE_TAPS
#define NNC_RESIZE_TAPS
// Element `output` of an axis of `after` is the one here of an axis of `before`, mixed with `share` of
// the next. Centres lie at i + 1/2; linear places are counted in units of 1 / (2 after), so they are exact.
FUNCTION int resize_tap(int linear, int output, int before, int after, float *share) {
    *share = 0.0f;
    if (!linear) {
        // In single precision as PyTorch has it, whose rounding is part of the meaning.
        const int low = (int)((float)output * ((float)before / (float)after));
        return low < before ? low : before - 1;
    }
    int64 place = (int64)(2 * output + 1) * before - after;
    if (place < 0) place = 0;
    const int low = (int)(place / (2 * after));
    if (low + 1 < before) *share = (float)(place - (int64)low * 2 * after) / (float)(2 * after);
    return low;
}
// The share that element `input` has in `output`.
FUNCTION float resize_weight(int linear, int output, int input, int before, int after) {
    float share;
    const int low = resize_tap(linear, output, before, after, &share);
    return low == input ? 1.0f - share : low + 1 == input ? share : 0.0f;
}
// The outputs that `input` may have a share in: from here …
FUNCTION int resize_first(int linear, int input, int before, int after) {
    const int64 first = linear ? ((int64)(2 * input - 1) * after - before) / (2 * before)
                               : (int64)input * after / before - 1;
    return first > 0 ? (int)first : 0;
}
// … to before here.
FUNCTION int resize_end(int linear, int input, int before, int after) {
    const int64 end = linear ? ((int64)(2 * input + 3) * after - before) / (2 * before) + 1
                             : (int64)(input + 1) * after / before + 2;
    return end < after ? (int)end : after;
}
#endif
