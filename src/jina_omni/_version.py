# SPDX-License-Identifier: Apache-2.0
"""The version, which the metadata of this distribution and of the accelerators' are read from."""

__version__ = "0.1.0"
