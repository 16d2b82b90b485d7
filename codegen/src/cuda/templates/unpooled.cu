ALIGNED(16) float @NAME@[@WIDTH@];
{
    const int position = (int)(pixel % @POSITIONS@);
    const int z = position / @PLANE@, y = position / @COLUMNS@ % @ROWS@, x = position % @COLUMNS@;
    const int64 window = (@WINDOW@) * @CHANNELS@ + channel;
    const float number = (float)(@NUMBER@);
    ALIGNED(16) float places[@WIDTH@];
    @LOAD_PLACE@(@NAME@_place + window, places);
    @LOAD@(@NAME@_at + window, @NAME@);
    UNROLL for (int i = 0; i < @WIDTH@; i++) @NAME@[i] = places[i] == number ? @NAME@[i] : 0.0f;
}
