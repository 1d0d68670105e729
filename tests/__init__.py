"""Tests of jina_omni."""
