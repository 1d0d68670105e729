"""Long runs by hand: threads on one model, calls and loads without end, and all that may happen at random."""
