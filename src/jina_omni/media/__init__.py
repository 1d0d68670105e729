# SPDX-License-Identifier: Apache-2.0
"""From files to what the towers take: decoding and preprocessing, one module for each kind of media."""
