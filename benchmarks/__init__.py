"""Benchmarks on full-size random checkpoints: every figure is a ratio of two sides that ran in turn in one run."""
