    const int lane = threadIdx.x % @LANES@, row = threadIdx.x / @LANES@;
    const int column = (int)blockIdx.x * @LANES@ + lane;
    const int blocks = (int)(@BLOCKS@);
    float sum = 0.0f;
    if (column < @COLUMNS@)
        for (int block = row; block < blocks; block += @ROWS@) sum += workspace[(int64)block * @COLUMNS@ + column];
    SHARED float shared[@ROWS@ * @LANES@];
    shared[threadIdx.x] = sum;
    for (int half = @ROWS@ / 2; half > 0; half /= 2) {
        barrier();
        if (row < half) shared[threadIdx.x] += shared[threadIdx.x + half * @LANES@];
    }
    if (row != 0) return;
    sum = shared[lane];
@STORES@
