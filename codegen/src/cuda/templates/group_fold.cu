    UNROLL for (int i = 1; i < @WIDTH@; i++) @SUM@[0] += @SUM@[i];
    @SUM@[0] = block_sum(@SUM@[0], shared);
    for (int i = threadIdx.x; i < @SIZE@; i += @THREADS@)
        @STORE@(@TO@ + sample * @CHANNELS@ + group * @SIZE@ + i, @SUM@);
