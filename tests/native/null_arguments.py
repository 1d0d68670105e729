"""Every function of csrc/jina_omni.h with NULL in the place of each of its pointers, in a process of its own.

``python -m tests.native.null_arguments TEXT MMPROJ`` prints a line of JSON before and after each call: the function,
the parameter that is NULL, and what came back.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

from jina_omni.native import Context, Projector, TextModel, find_device
from jina_omni.native.boundary import _ffi as ffi
from jina_omni.native.boundary import _lib as lib
from jina_omni.native.boundary import to_native

ROOT = Path(__file__).parents[2]


def prototypes() -> dict[str, list[str]]:
    """Return the functions of the header, each with the names of its parameters."""
    spec = importlib.util.spec_from_file_location("make_cffi", ROOT / "cmake" / "make_cffi.py")
    make_cffi = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_cffi)
    header = make_cffi.declarations((ROOT / "csrc" / "jina_omni.h").read_text(encoding="utf-8"))
    header = re.sub(r"//.*", "", header)
    found = re.findall(r"\b(omni_\w+)\(([^)]*)\);", header)
    return {name: re.findall(r"(\w+)(?:,|$)", parameters.replace("void", "")) for name, parameters in found}


def arguments(text: TextModel, projector: Projector, context: Context, path: str, mmproj: str) -> dict[str, object]:
    """Return what a call takes for each parameter, by its name or by function and name."""
    merge, patch = projector.merge_size, projector.patch_size
    return {
        "omni_text *": to_native(text),
        "omni_projector *": to_native(projector),
        "omni_context *": to_native(context),
        "omni_text * *": ffi.new("omni_text **"),
        "omni_projector * *": ffi.new("omni_projector **"),
        "omni_context * *": ffi.new("omni_context **"),
        "omni_error *": ffi.new("omni_error *"),
        "omni_device_info *": ffi.new("omni_device_info *"),
        "omni_text_info *": ffi.new("omni_text_info *"),
        "omni_projector_info *": ffi.new("omni_projector_info *"),
        "omni_text_load.path": ffi.new("char[]", path.encode()),
        "omni_projector_load.path": ffi.new("char[]", mmproj.encode()),
        "omni_log_next.text": ffi.new("char[]", 100),
        **dict.fromkeys(("device", "kernels", "product", "exact", "portable", "index", "priority", "in_memory"), 0),
        **dict.fromkeys(("n_threads", "n_grids", "n_clips", "n_seq", "n_media_embeddings"), 1),
        "level": ffi.new("int32_t *"),
        **{name: ffi.new("int64_t *") for name in ("n_bytes", "free", "total")},
        "key": ffi.new("char[]", b"general.name"),
        "value": ffi.new("char[]", 100),
        **dict.fromkeys(("n_text", "n_value", "n_max", "n_frames"), 100),
        "utf8": ffi.new("char[]", b"words"),
        "n_utf8": 5,
        "ids": ffi.new("int32_t[]", 100),
        "n_ids": ffi.new("size_t *"),
        "spelling": ffi.new("char[]", b"<|im_end|>"),
        "patches": ffi.new("float[]", merge * merge * 6 * patch * patch),
        "grids": ffi.new("int32_t[]", [1, merge, merge]),
        "frames": ffi.new("float[]", 3 * projector.n_mel),
        "tokens": ffi.new("int32_t[]", [1, -1, 2]),
        "lengths": ffi.new("int32_t[]", [3]),
        "media_embeddings": ffi.new("float[]", text.n_embd),
        "embeddings": ffi.new("float[]", projector.n_embd_out),
        "pooled": ffi.new("float[]", text.n_embd),
        "cancel": ffi.new("int32_t *"),
        "rate": ffi.new("double *"),
    }


def result(value: Any) -> object:
    """Return what a function returned as JSON has it."""
    if isinstance(value, ffi.CData):
        return None if value == ffi.NULL else "a string"
    return value


def main(path: str, mmproj: str) -> None:
    cpu = find_device("cpu")
    text, projector, context = TextModel(path, cpu), Projector(mmproj, cpu), Context(cpu, 1)
    known = arguments(text, projector, context, path, mmproj)
    for function, names in prototypes().items():
        types = ffi.typeof(getattr(lib, function)).args
        assert len(types) == len(names), function
        pointers = [i for i, kind in enumerate(types) if kind.kind == "pointer"]
        if function.endswith("_free"):
            given, tried = [None], [0]
        else:
            keys = [
                (f"{function}.{name}", kind.cname.removeprefix("struct "), name)
                for name, kind in zip(names, types, strict=True)
            ]
            given = [next(known[key] for key in of_one if key in known) for of_one in keys]
            tried = [None, *pointers]  # first with none missing, so that it is the NULL that is refused later
        for null in tried:
            what = [function, None if null is None else names[null]]
            print(json.dumps(what), flush=True)
            made = [ffi.NULL if i == null else value for i, value in enumerate(given)]
            print(json.dumps([*what, result(getattr(lib, function)(*made))]), flush=True)
            for name in ("omni_text", "omni_projector", "omni_context"):
                made_handle = known[f"{name} * *"]
                getattr(lib, f"{name}_free")(made_handle[0])
                made_handle[0] = ffi.NULL


if __name__ == "__main__":
    main(*sys.argv[1:])
