# SPDX-License-Identifier: Apache-2.0
"""A demonstration on files that lie in the package: ``python -m jina_omni.demo``."""
