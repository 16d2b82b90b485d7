    // w[k] · −log p[k], summed over the classes; part of the loss where labels are smoothed.
    const float log_sum = logf(sum);
    float spread = 0.0f;
    if (@SPREAD@ > 0.0f) {
        UNROLL for (int i = 0; i < @EACH@; i++)
        UNROLL for (int j = 0; j < @WIDTH@; j++) {
            const int k = (lane + i * @LANES@) * @WIDTH@ + j;
            if (k < @CHANNELS@) spread += @CLASS_WEIGHT@ * (log_sum - (values[i][j] - maximum));
        }
        spread = row_sum(spread, @LANES@, shared);
    }
@TOTAL@
    if (!inside || lane != 0) return;
    const int k = labels[row];
    // A label that is no class makes the loss NaN.
    float logit = as_float(0x7fc00000u), chosen = logit;
    if (k >= 0 && k < @CHANNELS@) {
        @LOAD_ONE@(x + row * @CHANNELS@ + k, &logit);
        chosen = @CHOSEN@ * @CLASS_WEIGHT@;
    }
    const float loss = chosen * (log_sum - (logit - maximum)) + @SPREAD@ * spread;
@RESULT@
