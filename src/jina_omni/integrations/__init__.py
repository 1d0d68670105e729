# SPDX-License-Identifier: Apache-2.0
"""Adapters of a `jina_omni.Model` to other frameworks, a module for each.

A framework is imported with its module and not before. What several adapters need is in `shared`.
"""
