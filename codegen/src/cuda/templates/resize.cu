    const int64 vector = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (vector >= batch * (@LEN@ / @WIDTH@)) return;
    const int64 sample = vector / (@LEN@ / @WIDTH@);
    int rest = (int)(vector % (@LEN@ / @WIDTH@));
    const int channel = rest % (@CHANNELS@ / @WIDTH@) * @WIDTH@;
    rest /= @CHANNELS@ / @WIDTH@;
    float shares[3];
    const int column = resize_tap(@LINEAR@, rest % @WIDE@, @FROM_WIDE@, @WIDE@, &shares[2]);
    rest /= @WIDE@;
    const int row = resize_tap(@LINEAR@, rest % @HIGH@, @FROM_HIGH@, @HIGH@, &shares[1]);
    const int slice = resize_tap(@LINEAR@, rest / @HIGH@, @FROM_DEEP@, @DEEP@, &shares[0]);
    ALIGNED(16) float values[@WIDTH@], sums[@WIDTH@] = {0};
    UNROLL for (int z = 0; z < @DEEP_TAPS@; z++)
    UNROLL for (int y = 0; y < @HIGH_TAPS@; y++)
    UNROLL for (int x = 0; x < @WIDE_TAPS@; x++) {
        const float weight = (z ? shares[0] : 1.0f - shares[0]) * (y ? shares[1] : 1.0f - shares[1]) *
                             (x ? shares[2] : 1.0f - shares[2]);
        // The last element has no next one.
        if (weight == 0.0f) continue;
        const int place = ((slice + z) * @FROM_HIGH@ + row + y) * @FROM_WIDE@ + column + x;
        @LOAD@(from + sample * @FROM_LEN@ + place * @CHANNELS@ + channel, values);
        UNROLL for (int i = 0; i < @WIDTH@; i++) sums[i] += weight * values[i];
    }
    @STORE@(to + vector * @WIDTH@, sums);
