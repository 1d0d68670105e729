"""Fuzzing: damaged files, media, texts and requests.

``tests/fuzz/run.sh MINUTES`` searches, ``test_fuzz.py`` keeps watch. A finding is fixed and kept: a damaged file as
``seeds/NAME.gguf`` or ``NAME-mmproj.gguf``, beside a few that reach far, anything else among ``drivers``' choices.
"""
