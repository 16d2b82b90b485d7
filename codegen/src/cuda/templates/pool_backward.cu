    ALIGNED(16) float sum[@WIDTH@] = {0};
    for (int oz = @FIRST_Z@; oz < @END_Z@; oz++)
        for (int oy = @FIRST_Y@; oy < @END_Y@; oy++)
            NO_UNROLL for (int ox = @FIRST_X@; ox < @END_X@; ox++) {
                const int64 pixel = sample * @OUTPUT_POSITIONS@ + (oz * @OUTPUT_ROWS@ + oy) * @OUTPUT_COLUMNS@ + ox;
                ALIGNED(16) float dy[@WIDTH@];
                @LOAD@(dy_at + pixel * @CHANNELS@ + channel, dy);
@ADD@            }
    @STORE@(dx_at + index, sum);
