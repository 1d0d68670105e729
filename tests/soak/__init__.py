"""Long runs by hand: threads on one model, and calls and loads without end."""
