    ALIGNED(16) float @VALUES@;
    UNROLL for (int i = 0; i < @WIDTH@; i++) best[i] = as_float(0xff800000u);
    int number = 0;
    for (int iz = @FIRST_Z@; iz < @END_Z@; iz++)
        for (int iy = @FIRST_Y@; iy < @END_Y@; iy++)
            NO_UNROLL for (int ix = @FIRST_X@; ix < @END_X@; ix++) {
                const int at = (iz * @INPUT_ROWS@ + iy) * @INPUT_COLUMNS@ + ix;
                const int64 pixel = sample * @INPUT_POSITIONS@ + at;
@FUSED@                UNROLL for (int i = 0; i < @WIDTH@; i++)
                    if (value[i] > best[i] || (value[i] != value[i] && best[i] == best[i])) @KEEP@
                number++;
            }
@STORES@
