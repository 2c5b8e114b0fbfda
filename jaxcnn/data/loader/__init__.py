"""From examples to batches: the order is followed, by as many workers as pay."""
