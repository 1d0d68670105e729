"""Fuzzing: damaged files, media, prompts and requests. ``tests/fuzz/run.sh MINUTES`` searches, ``test_fuzz.py`` keeps watch.

A finding is fixed and kept: a damaged file as ``seeds/files/NAME.gguf``, anything else as a case of ``drivers.py``.
"""
