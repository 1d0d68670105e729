"""Where a second opinion may lie, written apart from this suite: checkpoints, media and torch outputs of them.

Beside the checkout, or where ``JINA_OMNI_REFERENCE`` says; tests that use it are skipped where it is not.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PACK = Path(os.environ.get("JINA_OMNI_REFERENCE", Path(__file__).parents[2] / "shared" / "reference"))
needs_pack = pytest.mark.skipif(not PACK.is_dir(), reason=f"no reference pack at {PACK}")
