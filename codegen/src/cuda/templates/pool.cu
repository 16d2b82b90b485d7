    const int64 vector = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (vector >= batch * @VECTORS@) return;
    const int64 index = vector * @WIDTH@, sample = index / @LEN@;
    const int channel = (int)(index % @CHANNELS@), position = (int)(index % @LEN@ / @CHANNELS@);
    const int z = position / @PLANE@, y = position / @COLUMNS@ % @ROWS@, x = position % @COLUMNS@;
