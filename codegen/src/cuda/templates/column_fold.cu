    barrier();
    UNROLL for (int i = 0; i < @WIDTH@; i++) shared[i * @THREADS@ + threadIdx.x] = @SUM@[i];
    for (int half = @HALF@; half > 0; half /= 2) {
        barrier();
        if (row < half && row + half < @ROWS@)
            UNROLL for (int i = 0; i < @WIDTH@; i++)
                shared[i * @THREADS@ + threadIdx.x] += shared[i * @THREADS@ + threadIdx.x + half * @LANES@];
    }
    if (row == 0 && channel < @CHANNELS@) {
        UNROLL for (int i = 0; i < @WIDTH@; i++) @SUM@[i] = shared[i * @THREADS@ + threadIdx.x];
        @STORE@(@TO@ + channel, @SUM@);
    }
