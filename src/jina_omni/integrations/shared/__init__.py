# SPDX-License-Identifier: Apache-2.0
"""What several adapters need; none of it belongs to a framework."""
