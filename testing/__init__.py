"""Files with random content and reference engines, shared by tests, attacks, benchmarks and the toy model."""
