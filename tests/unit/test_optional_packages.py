# SPDX-License-Identifier: Apache-2.0
"""Packages that extras install: missing, or there but broken."""

import errno
import importlib
import sys

import pytest

from jina_omni.errors import InputError, UnsupportedMediaError, located
from jina_omni.media.decoders import import_decoder
from jina_omni.optional_packages import import_optional


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a folder that packages are imported from."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_missing_package_is_named_with_its_pip_line():
    message = r"^no_such_package: pip install 'jina-omni\[video\]'$".replace("_", "-")
    with pytest.raises(ImportError, match=message):
        import_optional("no_such_package", "video")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ImportError('libavcodec.so.99: cannot open shared object file')", "ImportError: libavcodec.so.99"),
        ("raise OSError('libheif.so.1: wrong ELF class')", "OSError: libheif.so.1"),
        ("import no_such_dependency", "ModuleNotFoundError: No module named 'no_such_dependency'"),
        ("raise AttributeError('numpy has no float')", "AttributeError: numpy has no float"),
    ],
    ids=("library", "system", "dependency", "version"),
)
def test_a_package_that_is_there_but_broken_is_named_with_its_reason(code, reason, site):
    (site / "broken_package.py").write_text(code)
    with pytest.raises(UnsupportedMediaError) as caught, located(input=3):
        import_decoder("broken_package", "video", "a video")
    message = str(caught.value)
    assert message.startswith(
        "input 3 is a video, which needs broken-package, which is installed but can't be imported"
    )
    assert reason in message
    assert message.endswith("install it again: pip install --force-reinstall broken-package")
    assert isinstance(caught.value.__context__, ImportError)
    assert "broken_package" not in sys.modules


def test_a_decoder_that_can_not_be_imported_now_is_not_to_be_installed_again(monkeypatch):
    def fail(_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(importlib, "import_module", fail)
    message = r"is a PDF, whose decoder can't be imported now: this process has no file descriptors left .*; try again$"
    with pytest.raises(InputError, match=message), located(input=None):
        import_decoder("pypdfium2", "pdf", "a PDF")
