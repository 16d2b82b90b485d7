    const int64 vector = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (vector >= batch * (@FROM_LEN@ / @WIDTH@)) return;
    const int64 sample = vector / (@FROM_LEN@ / @WIDTH@);
    int rest = (int)(vector % (@FROM_LEN@ / @WIDTH@));
    const int channel = rest % (@CHANNELS@ / @WIDTH@) * @WIDTH@;
    rest /= @CHANNELS@ / @WIDTH@;
    const int column = rest % @FROM_WIDE@;
    rest /= @FROM_WIDE@;
    const int row = rest % @FROM_HIGH@, slice = rest / @FROM_HIGH@;
    const int first_row = resize_first(@LINEAR@, row, @FROM_HIGH@, @HIGH@);
    const int end_row = resize_end(@LINEAR@, row, @FROM_HIGH@, @HIGH@);
    const int first_column = resize_first(@LINEAR@, column, @FROM_WIDE@, @WIDE@);
    const int end_column = resize_end(@LINEAR@, column, @FROM_WIDE@, @WIDE@);
    const int end_slice = resize_end(@LINEAR@, slice, @FROM_DEEP@, @DEEP@);
    ALIGNED(16) float values[@WIDTH@], sums[@WIDTH@] = {0};
    for (int z = resize_first(@LINEAR@, slice, @FROM_DEEP@, @DEEP@); z < end_slice; z++) {
        const float deep = resize_weight(@LINEAR@, z, slice, @FROM_DEEP@, @DEEP@);
        if (deep == 0.0f) continue;
        for (int y = first_row; y < end_row; y++) {
            const float high = deep * resize_weight(@LINEAR@, y, row, @FROM_HIGH@, @HIGH@);
            if (high == 0.0f) continue;
            for (int x = first_column; x < end_column; x++) {
                const float weight = high * resize_weight(@LINEAR@, x, column, @FROM_WIDE@, @WIDE@);
                if (weight == 0.0f) continue;
                const int place = (z * @HIGH@ + y) * @WIDE@ + x;
                @LOAD@(from + sample * @LEN@ + place * @CHANNELS@ + channel, values);
                UNROLL for (int i = 0; i < @WIDTH@; i++) sums[i] += weight * values[i];
            }
        }
    }
    @STORE@(to + vector * @WIDTH@, sums);
