    // Of the numbers that the thread stores: the first of each column, and sums of the distances from it and of their
    // squares. With the first among them no more digits cancel than their count has.
    ALIGNED(16) float origin[@WIDTH@] = {0}, mean[@WIDTH@] = {0}, squares[@WIDTH@] = {0};
    int count = 0;
