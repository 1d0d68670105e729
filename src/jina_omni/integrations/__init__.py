# SPDX-License-Identifier: Apache-2.0
"""Adapters of a `jina_omni.Model` to other frameworks, a module for each.

Nothing of a framework is imported before its module is.
"""
