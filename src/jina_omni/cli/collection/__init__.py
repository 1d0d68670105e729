# SPDX-License-Identifier: Apache-2.0
"""A searchable collection of a user's files: what ``jina-omni index`` and ``jina-omni search`` work on."""
