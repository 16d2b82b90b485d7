    ALIGNED(16) float sum[@WIDTH@] = {0};
    for (int iz = @FIRST_Z@; iz < @END_Z@; iz++)
        for (int iy = @FIRST_Y@; iy < @END_Y@; iy++)
            NO_UNROLL for (int ix = @FIRST_X@; ix < @END_X@; ix++) {
                const int at = (iz * @INPUT_ROWS@ + iy) * @INPUT_COLUMNS@ + ix;
                ALIGNED(16) float value[@WIDTH@];
                @LOAD@(x_at + (sample * @INPUT_POSITIONS@ + at) * @CHANNELS@ + channel, value);
                UNROLL for (int i = 0; i < @WIDTH@; i++) sum[i] += value[i];
            }
    const int count = @COUNT@;
    const float factor = 1.0f / (float)int_max(count, 1);
    UNROLL for (int i = 0; i < @WIDTH@; i++) sum[i] *= factor;
    @STORE@(y_at + index, sum);
