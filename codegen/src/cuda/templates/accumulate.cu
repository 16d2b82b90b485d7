ALIGNED(16) float @TERMS@;
@FUSED@UNROLL for (int i = 0; i < @WIDTH@; i++) {
@ADD@}
