UNROLL for (int i = 0; i < @WIDTH@; i++) {
    const float samples = (float)(batch * @POSITIONS@), unbiased = samples / (samples - 1.0f) * @VARIANCE@[i];
    if (samples < 2.0f || !(fabsf(@MEAN@[i]) <= 3.4028235e38f && fabsf(@VARIANCE@[i]) <= 3.4028235e38f)) continue;
    running_mean_at[channel + i] += @MOMENTUM@ * (@MEAN@[i] - running_mean_at[channel + i]);
    running_variance_at[channel + i] += @MOMENTUM@ * (unbiased - running_variance_at[channel + i]);
}
