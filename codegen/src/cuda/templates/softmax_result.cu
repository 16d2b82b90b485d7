    const float scale = 1.0f / sum;
    UNROLL for (int i = 0; i < @EACH@; i++) {
        const int channel = (lane + i * @LANES@) * @WIDTH@;
        UNROLL for (int j = 0; j < @WIDTH@; j++) values[i][j] *= scale;
        if (inside && channel < @CHANNELS@) @STORE@(y + row * @CHANNELS@ + channel, values[i]);
    }
