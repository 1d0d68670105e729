"""Tests of the model files, the native towers and the process that holds them."""
