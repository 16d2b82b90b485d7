    SHARED int finite;
    if (threadIdx.x == 0) finite = 1;
    barrier();
    for (int i = threadIdx.x; i < @CHANNELS@; i += @THREADS@)
        if (!(fabsf(mean_at[i]) <= 3.4028235e38f && fabsf(variance_at[i]) <= 3.4028235e38f)) finite = 0;
    barrier();
    const float count = (float)(batch * @POSITIONS@);
    if (count < 2.0f || !finite) return;
    const float unbias = count / (count - 1.0f);
    for (int i = threadIdx.x; i < @CHANNELS@; i += @THREADS@) {
        running_mean_at[i] += @MOMENTUM@ * (mean_at[i] - running_mean_at[i]);
        running_variance_at[i] += @MOMENTUM@ * (unbias * variance_at[i] - running_variance_at[i]);
    }
