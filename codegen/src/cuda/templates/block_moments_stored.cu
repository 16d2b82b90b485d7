    float channel_mean[1], channel_variance[1];
    channel_mean[0] = origin[0] + means[lane];
    channel_variance[0] = spreads[lane] / (float)pixels;
    @STORE_MEAN@(mean_at + channel, channel_mean);
    @STORE_VARIANCE@(variance_at + channel, channel_variance);
@FOLLOW@