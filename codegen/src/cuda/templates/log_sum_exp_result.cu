    const float result = maximum + logf(sum);
    if (inside && lane == 0) @STORE@(y + row, &result);
