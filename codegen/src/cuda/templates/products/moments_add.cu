        UNROLL for (int i = 0; i < @WIDTH@; i++) {
            const float stored = @STORED@;
            if (count == 0) origin[i] = stored;
            const float distance = stored - origin[i];
            mean[i] += distance;
            squares[i] += distance * distance;
        }
        count++;
