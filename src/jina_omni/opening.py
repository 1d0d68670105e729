# SPDX-License-Identifier: Apache-2.0
"""Which files a model's name means: a path that exists, else a name on the Hub."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from jina_omni.arguments import check_str
from jina_omni.errors import ModelLoadError
from jina_omni.hub import download
from jina_omni.loading import PathLike
from jina_omni.repository import Modality, ModelPaths, check_modality, choose_files, list_files

__all__ = ["find_in_folder", "find_model", "make_absolute"]


def find_model(
    model: PathLike, mmproj: PathLike | Sequence[PathLike] | None = None, modality: Modality | None = None
) -> ModelPaths:
    """Return the files of a model, after downloading those of the Hub that are not in its cache.

    Parameters
    ----------
    model : str or PathLike
        A text model file; a folder with one and its projector files; or a name on the Hub, as `jina_omni.download`
        takes it. A folder's name may end in a colon and a quantisation, as names on the Hub do. A path that exists
        comes first.
    mmproj : str, PathLike or sequence of them, optional
        Projector files, of a text model file only.
    modality : {"omni", "vision", "audio", "text"}, optional
        Of a folder or a name only: both projector files (by default), one of them, or none.

    Raises
    ------
    TypeError, ValueError
        An argument is of another type, or does not go with the others.
    ModelLoadError
        There is no such file, folder or name; a file is missing or several fit; or as in `jina_omni.download`.
    """
    if modality is not None:
        check_modality(modality)
    name = _check_path("model", model)
    folder, quantization = _split_folder(name)
    is_file = folder is None and (os.path.exists(name) or name.lower().endswith(".gguf"))  # noqa: PTH110 - NUL bytes
    if is_file:
        if modality is not None:
            raise ValueError(
                f"modality is {modality!r}, which chooses among the files of a folder or of the Hub, but {name} is a "
                "file; pass its projector files as mmproj"
            )
        return ModelPaths(name, _check_mmproj(mmproj))
    if _check_mmproj(mmproj):
        raise ValueError(f"mmproj goes with a text model file, but {name} is not one; pass modality instead")
    if folder is not None:
        return choose_files(list_files(folder), quantization, modality or "omni", name).under(folder)
    if not isinstance(model, str) or name.startswith((".", "~", "/", "\\")) or name.count("/") > 1 or "\\" in name:
        raise ModelLoadError(f"{name}: there is no such file or folder; check the path")
    try:
        return download(name, modality=modality or "omni")
    except ModelLoadError as error:
        raise ModelLoadError(f"there is no file or folder {name!r}; on the Hub: {error}") from None


def find_in_folder(path: PathLike, quantization: str | None = None, modality: Modality = "omni") -> ModelPaths:
    """Return the files of a model in a folder; what has the same name on the Hub does not matter.

    Parameters
    ----------
    path : str or PathLike
    quantization : str, optional
        Of the text model file, by default the only one or the recommended one.
    modality : {"omni", "vision", "audio", "text"}

    Raises
    ------
    TypeError, ValueError
        An argument is of another type, or unknown.
    ModelLoadError
        The path is not a folder; a file is missing or several fit.
    """
    check_modality(modality)
    name = _check_path("path", path)
    if quantization is not None:
        check_str("quantization", quantization)
    if not os.path.isdir(name):  # noqa: PTH112 - a name may hold a NUL
        raise ModelLoadError(f"{name}: is not a folder; from_dir takes a folder, and Model a text model file")
    return choose_files(list_files(Path(name)), quantization, modality, name).under(Path(name))


def make_absolute(model: str) -> str:
    """Return a model's name with an absolute path where it is a path; a name on the Hub stays as it is."""
    folder, quantization = _split_folder(model)
    if folder is None and not os.path.exists(model) and not model.lower().endswith(".gguf"):  # noqa: PTH110 - as above
        return model
    path = os.path.realpath(folder or model)
    return path if quantization is None else f"{path}:{quantization}"


def _split_folder(name: str) -> tuple[Path | None, str | None]:
    """Return the folder and the quantisation that a name means; None where it does not mean a folder."""
    head, colon, quantization = name.rpartition(":")
    if os.path.isdir(name):  # noqa: PTH112 - a name may hold a NUL
        return Path(name), None
    if colon and quantization and os.path.isdir(head) and not os.path.exists(name):  # noqa: PTH110, PTH112
        return Path(head), quantization
    return None, None


def _check_mmproj(mmproj: PathLike | Sequence[PathLike] | None) -> tuple[str, ...]:
    if mmproj is None:
        return ()
    files = [mmproj] if isinstance(mmproj, (str, os.PathLike)) else mmproj
    if not isinstance(files, (list, tuple)):
        raise TypeError(f"mmproj is of the type {type(mmproj).__name__}; it takes a path, a list of paths or None")
    return tuple(_check_path("mmproj", file) for file in files)


def _check_path(argument: str, path: PathLike) -> str:
    name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(name, str):
        raise TypeError(f"{argument} is of the type {type(path).__name__}; it takes a path, a str or a PathLike")
    return name
