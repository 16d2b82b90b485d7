@TOTAL@
    const float scale = loss_scale(step) * (@SCALE@);
    const int label = inside ? labels[row] : 0;
    float chosen = as_float(0x7fc00000u);
    if (label >= 0 && label < @CHANNELS@) {
        const int k = label;
        chosen = @CHOSEN@ * @CLASS_WEIGHT@;
    }
    const float factor = scale * (chosen + @SPREAD@ * @ALL_WEIGHTS@) / sum;
    UNROLL for (int i = 0; i < @EACH@; i++) {
        const int first = (lane + i * @LANES@) * @WIDTH@;
        if (!inside || first >= @CHANNELS@) continue;
        UNROLL for (int j = 0; j < @WIDTH@; j++) {
            const int k = first + j;
            const float wanted = @SPREAD@ * @CLASS_WEIGHT@ + (k == label ? chosen : 0.0f);
            values[i][j] = factor * values[i][j] - scale * wanted;
        }
        @STORE@(y + row * @CHANNELS@ + first, values[i]);
    }
