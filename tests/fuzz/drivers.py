"""Cases of fuzzing over the Python side: an input, made by chance, goes through a whole model.

``python -m tests.fuzz.drivers NAME FIRST COUNT`` runs the cases FIRST, FIRST + 1, ... of a driver, indefinitely where
COUNT is 0, and prints the number of each before it begins.

A case passes if it ends in vectors of finite numbers or in an error of this library that names the input.
"""

from __future__ import annotations

import base64
import faulthandler
import random
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

import jina_omni
from jina_omni.errors import LocatedError
from jina_omni.media.picture_options import ORIENTATIONS
from testing.media_damages import damage
from testing.media_files import media_file
from tests.fuzz import files

SECONDS = 60  # that a case may take on a busy machine

PICTURES = ("jpg", "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff", "avif", "heic")
SOUNDS = ("wav", "rf64", "mp3", "flac", "ogg", "opus", "aac", "m4a")
FILMS = ("mp4", "avi", "mov", "mkv", "webm", "flv", "wmv")


# ---- media ----------------------------------------------------------------------------------------------------------


def _media(kinds: tuple[str, ...], wrap: Callable[[random.Random, bytes], Any]) -> Callable[[random.Random], Any]:
    def make(rng: random.Random) -> Any:
        data, other = media_file(rng.choice(kinds)), media_file(rng.choice(kinds))
        return wrap(rng, damage(rng, data, other))

    return make


def _image(rng: random.Random, data: bytes) -> Any:
    return jina_omni.Image(data, orientation=rng.choice(ORIENTATIONS), background=rng.choice((None, "white")))


def _video(rng: random.Random, data: bytes) -> Any:
    return jina_omni.Video(data, fps=rng.choice((None, 1, 60.5)), max_frames=rng.choice((None, 1, 3)))


def _pdf(rng: random.Random, data: bytes) -> Any:
    return jina_omni.Pdf(data, dpi=rng.choice((1, 20)), pages=rng.choice((None, [0])))


def _svg(rng: random.Random) -> Any:
    number = rng.choice(("0", "-1", "1e9", "1e-9", "nan", "9", "12", "100%", "", "99999999999999999999"))
    pieces = (
        '<svg xmlns="http://www.w3.org/2000/svg" ', f'width="{number}" ', 'height="9" ', f'viewBox="0 0 {number} 9" ',
        ">", "<g>" * rng.choice((1, 3, 2000)), f'<rect width="{number}" height="5"/>', "<use href='#a'/>",
        '<g id="a"><use href="#a"/></g>', f'<path d="M0 0L{number} 5Zz"/>', "<text>ß</text>", "&amp;", "&#0;", "<!--",
        '<image href="a.png" width="5" height="5"/>',
        f'<filter id="f"><feGaussianBlur stdDeviation="{number}"/></filter>',
        "</g>", "</svg>",
    )  # fmt: skip
    whole = "".join(piece for piece in pieces if rng.random() < 0.8).encode()
    return jina_omni.Image(damage(rng, whole, whole) if rng.random() < 0.5 and whole else whole)


# ---- arrays and texts -----------------------------------------------------------------------------------------------

DTYPES = ("u1", "i1", "<i2", ">i2", "u2", "i4", "i8", "f2", "<f4", ">f4", "f8", "c8", "?", "U1", "O", "M8[s]", "V4")
NUMBERS = (0, 1, -1, 2, 3, 24, 1.5, 16_000, 8_000, -0.0, 1e-300, 1e300, 10**400, 1 << 31, 1 << 63, float("nan"),
           float("inf"), True)  # fmt: skip
SPECIALS = ("<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|vision_start|>", "<image>", "<unused0>")
SIGNS = ("a", "word ", "ß", "\0", "\n", " ", "\u0301", "é", "日", "\U0001f600", "\u202e", "\ufeff", "\u1100\u1161",
         "3.14", "'s", "<", "|>", "\ud800", "\U0010ffff")  # fmt: skip


def _array(rng: random.Random) -> Any:
    shape = [rng.choice((0, 1, 2, 3, 4, 9, 40, 500)) for _ in range(rng.randrange(5))]
    while np.prod(shape, dtype=int) > 200_000:
        shape.pop()
    values = np.frombuffer(rng.randbytes(64), "u1")
    array = np.resize(values, shape).astype("u1")
    if rng.random() < 0.6:
        return array
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        array = array.astype(rng.choice(DTYPES))
        if array.dtype.kind == "f" and array.size:
            array.flat[0] = rng.choice((np.nan, np.inf, -1, 1e30))
    return array.T if rng.random() < 0.2 else array


def _arrays(rng: random.Random) -> Any:
    array = _array(rng)
    match rng.randrange(3):
        case 0:
            return jina_omni.Image(array)
        case 1:
            return jina_omni.Audio(array, sampling_rate=_odd(rng) if rng.random() < 0.3 else rng.choice(NUMBERS))
        case _:
            times = rng.choice((None, True, False, [0.5], [rng.choice(NUMBERS)] * 2, _odd(rng)))
            return jina_omni.Video(
                array,
                fps=rng.choice((None, *NUMBERS)),
                max_frames=rng.choice((None, 1, 2, *NUMBERS)),
                timestamps=times,
            )


def _text(rng: random.Random) -> str:
    text = "".join(
        rng.choice(SIGNS if rng.random() < 0.8 else SPECIALS) * rng.choice((1, 1, 1, 2, 300))
        for _ in range(rng.randrange(12))
    )
    return text if rng.random() < 0.8 else text.encode("utf-8", "replace").decode("latin-1")


# ---- requests -------------------------------------------------------------------------------------------------------

KINDS = ("text", "image", "audio", "video", "pdf")
KEYS = (
    *KINDS, "type", "format", "value", "content", "messages", "role", "prompt_string", "multimodal_data", "url", "data",
    "videopair_data", "input", "model", "image_url", "video_url", "audio_url", "input_audio", "array", "sampling_rate",
    "video_metadata", "fps", "frames_indices", "dimensions", "task", "truncate",
)  # fmt: skip
TYPES = (*KINDS, "image_url", "video_url", "audio_url", "input_audio", "base64", "user", "assistant")


def _odd(rng: random.Random) -> Any:
    """Return a value that hardly anything takes."""
    return rng.choice(
        (
            None, True, b"", b"abc", "", "\ud800", [], (), {}, [[]], set(), object(), object, 1 << 70, float("nan"),
            Path("/"), Path("/dev/null"), Path("missing\0"), Path("x" * 5000), np.str_("a"), np.float32(2), np.array(3),
            np.zeros((2, 2)), memoryview(b"ab"), bytearray(b"a"), PILImage.new("RGBA", (3, 200)),
            PILImage.new("I;16", (9, 9)), PILImage.new("1", (0, 9)),
            jina_omni.Text(3), jina_omni.Image(3), jina_omni.Audio(None), "file:///etc/passwd",
            "data:,", "data:image/png;base64,", "http://host/a.png", "a" * 5000, "AAAA" * 2000, "../x.png",
        )
    )  # fmt: skip


def _base64(rng: random.Random) -> str:
    data = media_file(rng.choice((*PICTURES, *SOUNDS, "mp4", "pdf")))
    if rng.random() < 0.3:
        data = damage(rng, data, data)
    text = base64.b64encode(data).decode()
    if rng.random() < 0.2:
        text = text[: rng.randrange(len(text) + 1)]
    if rng.random() < 0.2:
        text = rng.choice(("data:image/png;base64,", "data:;base64,", "DATA:a,b", "data:audio/wav,")) + text
    return text


def _value(rng: random.Random, depth: int) -> Any:
    choice = rng.random()
    if choice < 0.25:
        return _base64(rng)
    if choice < 0.4:
        return rng.choice(TYPES)
    if choice < 0.5:
        return rng.choice((_text(rng), "<__media__>" * rng.randrange(3)))
    if choice < 0.58:
        return _array(rng)
    if choice < 0.63:
        return rng.choice(NUMBERS)
    if choice < 0.7 or depth > 4:
        return _odd(rng)
    if choice < 0.85:
        return [_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return _request(rng, depth + 1)


def _block(rng: random.Random, depth: int) -> dict[Any, Any]:
    """Return a dict that is nearly of a known form."""
    kind, media = rng.choice(KINDS), _base64(rng)
    urls = {"image_url", "video_url", "audio_url"}
    match rng.randrange(9):
        case 0:
            return {kind: media, rng.choice(KINDS): _value(rng, depth)}
        case 1:
            return {"type": kind, "format": rng.choice(("base64", "text")), "value": media}
        case 2:
            return {"type": kind, kind: media}
        case 3:
            url = rng.choice(sorted(urls))
            return {"type": url, url: {"url": rng.choice((media, "data:;base64," + media, _value(rng, depth)))}}
        case 4:
            return {"type": "input_audio", "input_audio": {"data": media, "format": _value(rng, depth)}}
        case 5:
            markers = "a<__media__>" * rng.randrange(4)
            pair = [_base64(rng), _base64(rng)]
            return {"prompt_string": markers, "multimodal_data": [media], "videopair_data": [pair][: rng.randrange(2)]}
        case 6:
            return {"audio": {"array": _array(rng), "sampling_rate": rng.choice((*NUMBERS, 16_000, _odd(rng)))}}
        case 7:
            arrays = (np.array(2), np.array([[1, 2]]))
            places = rng.choice((None, [0, 1], [0, 5, 2], _odd(rng), *arrays, [rng.choice(NUMBERS)]))
            metadata = {"fps": rng.choice((*NUMBERS, _odd(rng))), "frames_indices": places}
            return {"video": {"array": _array(rng), "video_metadata": rng.choice((metadata, _value(rng, depth)))}}
        case _:
            return {"role": rng.choice(("user", "system", _odd(rng))), "content": _value(rng, depth)}


def _request(rng: random.Random, depth: int = 0) -> Any:
    whole = rng.random()
    if whole < 0.4:
        block = _block(rng, depth + 1)
    elif whole < 0.7:
        block = {"content": [_block(rng, depth + 1) for _ in range(rng.randrange(1, 4))]}
    else:
        block = {rng.choice(KEYS): _value(rng, depth + 1) for _ in range(rng.randrange(4))}
    if rng.random() < 0.15:
        block[rng.choice((*KEYS, 3, None, b"text", (1, 2)))] = _value(rng, depth + 1)
    if rng.random() < 0.2 and block:
        del block[rng.choice(list(block))]
    match rng.randrange(8):
        case 0:
            return {"input": rng.choice((block, [block], [block, block]))}
        case 1:
            return {"messages": rng.choice((block, [block], [block, block]))}
        case 2:
            return [block, _value(rng, depth + 1)]
        case 3:
            return [block, [block, "text"]]
        case _:
            return block


INPUTS: dict[str, Callable[[random.Random], Any]] = {
    "requests": _request,
    "texts": _text,
    "arrays": _arrays,
    "pictures": _media(PICTURES, _image),
    "sounds": _media(SOUNDS, lambda _rng, data: jina_omni.Audio(data)),
    "films": _media(FILMS, _video),
    "pages": _media(("pdf",), _pdf),
    "drawings": _svg,
}
"""What each driver embeds."""


def load(folder: Path) -> list[jina_omni.Model]:
    """Return models of both dialects and vocabularies."""
    paths = {path.stem: path for path in files.write(folder)}
    return [
        jina_omni.Model(paths["qwen3"], paths["combined"], n_threads=2),
        jina_omni.Model(paths["eurobert"], paths["combined"], n_threads=1, dialect="sentence-transformers"),
    ]


def run(models: list[jina_omni.Model], name: str, rng: random.Random) -> None:
    """Run a case.

    Raises
    ------
    AssertionError
        The vectors or the error are not as they should be.
    Exception
        Whatever else came out, which should not have.
    """
    model = models[rng.randrange(2)]
    options: dict[str, Any] = {
        "truncate": rng.random() < 0.5,
        "normalize_embeddings": rng.random() < 0.9,
        "prompt_name": rng.choice((None, "query", "document")),
        "batch_tokens": rng.choice((None, 1, 40)),
        "precision": rng.choice(("float32", "float16")),
    }
    value = INPUTS[name](rng)
    fetch = rng.choice((None, lambda _url: media_file("png"), lambda _url: "no bytes"))
    try:
        embeddings = model.encode(value, fetch=fetch, **options)
    except jina_omni.JinaOmniError as error:
        # Not the text: an error without location says "input" too.
        steps = error.location if isinstance(error, LocatedError) else ()
        names_it = bool(steps) and steps[0][0] in ("input", "the request")
        assert names_it and not isinstance(error, jina_omni.NativeError), error  # noqa: PT017, PT018
        return
    assert np.isfinite(embeddings).all()
    if options["normalize_embeddings"] and options["precision"] == "float32":
        assert np.allclose(np.linalg.norm(embeddings, axis=-1), 1, atol=1e-5)


def main(name: str, first: int, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        models = load(Path(folder))
        case = first
        while case < first + count or not count:
            print(name, case, flush=True)
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            run(models, name, random.Random(f"{name} {case}"))
            case += 1
        faulthandler.cancel_dump_traceback_later()
        for model in models:
            model.close()


if __name__ == "__main__":
    faulthandler.enable()
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
