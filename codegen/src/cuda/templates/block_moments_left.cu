    // In the place of its first set, which no other block reads.
    float *to = workspace + first * @PITCH@ + channel;
    to[0] = means[lane];
    to[@CHANNELS@] = spreads[lane];
