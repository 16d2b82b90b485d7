    UNROLL for (int i = 1; i < @WIDTH@; i++) @SUM@[0] += @SUM@[i];
    UNROLL for (int distance = @LANES@ / 2; distance > 0; distance /= 2) @SUM@[0] += shuffle_xor(@SUM@[0], distance);
    if (lane == 0 && pixel < @PIXELS@) @STORE@(@TO@ + pixel, @SUM@);
