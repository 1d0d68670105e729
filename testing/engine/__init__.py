"""libllama as an ordinary shared library: the reference engine of the tests and the baseline of the benchmarks."""
