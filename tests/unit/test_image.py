# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import contextlib
import doctest
import functools
import gc
import io
import math
import os
import struct
import sys
import threading
import warnings
import zlib
from types import SimpleNamespace

import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage
from PIL import ImageFile, features

from jina_omni.errors import DecodeError, InputError, ModelLoadError, UnsupportedMediaError, located
from jina_omni.media import image as image_module
from jina_omni.media import image_files
from jina_omni.media import patches as patches_module
from jina_omni.media.file_types import FILE_TYPES, detect_media_type
from jina_omni.media.image import Image, check, decode, find_grid, patch_pixels, read_patches
from jina_omni.media.patches import VisionGeometry, pack_patches, smart_resize
from jina_omni.media.picture_options import ORIENTATIONS, PictureOptions, read_background
from testing.media_files import encoded
from tests.reference_pack import PACK, needs_pack

GEOMETRY = VisionGeometry()
# Small, so that slow checks stay quick; means and deviations that differ by channel and have no short binary form.
TINY = VisionGeometry(
    patch_size=4,
    merge_size=2,
    min_pixels=256,
    max_pixels=1024,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.27, 0.26, 0.2),
)
LIMITS = {"min_pixels": 262_144, "max_pixels": 1_310_720, "factor": 32}


def noise(height, width, channels=3, seed=0):
    shape = (height, width, channels) if channels else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def heic(*pictures, tile=0, **options):
    """Encode pictures, as one grid of tiles each where a tile's side is given."""
    file, heif = io.BytesIO(), pillow_heif.HeifFile()
    for picture in pictures:
        heif.add_from_pillow(picture)
    before = pillow_heif.options.GRID_TILE_SIZE
    pillow_heif.options.GRID_TILE_SIZE = tile
    try:
        heif.save(file, **options)
    finally:
        pillow_heif.options.GRID_TILE_SIZE = before
    return file.getvalue()


@functools.cache
def samples():
    """One small file of each type and of the variants that take other ways through Pillow."""
    rgb, grey = PILImage.fromarray(noise(12, 9)), PILImage.fromarray(noise(12, 9, 0))
    rgba = PILImage.fromarray(noise(12, 9, 4))
    found = {
        "png": encoded(rgb, "PNG"),
        "png-rgba": encoded(rgba, "PNG"),
        "png-palette": encoded(rgba.quantize(16), "PNG"),
        "png-1": encoded(grey.convert("1"), "PNG"),
        "jpeg": encoded(rgb, "JPEG"),
        "jpeg-progressive": encoded(rgb, "JPEG", progressive=True),
        "jpeg-cmyk": encoded(rgb.convert("CMYK"), "JPEG"),
        "gif": encoded(rgb.quantize(16), "GIF"),
        "gif-animated": encoded(rgb.quantize(16), "GIF", save_all=True, append_images=[grey.convert("P")]),
        "bmp": encoded(rgb, "BMP"),
        "tiff": encoded(rgb, "TIFF"),
        "tiff-lzw": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "tiff-jpeg": encoded(rgb, "TIFF", compression="jpeg"),
        "ppm": encoded(rgb, "PPM"),
        "ico": encoded(rgb, "ICO", sizes=[(9, 12)]),
        "jpeg2000": encoded(rgb, "JPEG2000"),
        "webp": encoded(rgb, "WEBP"),
        "webp-lossless": encoded(rgba, "WEBP", lossless=True),
        "heic": heic(rgb),
        "heic-rgba": heic(rgba),
    }
    if features.check("avif"):
        found["avif"] = encoded(rgb, "AVIF")
    return found


# ---- smart_resize ----


@pytest.mark.parametrize(
    ("size", "resized", "tokens"),
    [  # computed with transformers' smart_resize
        ((440, 600), (448, 608), 266),
        ((480, 640), (480, 640), 300),
        ((32, 32), (512, 512), 256),
        ((1024, 1280), (1024, 1280), 1280),
        ((1598, 1600), (1120, 1120), 1225),
        ((2000, 3000), (928, 1376), 1247),
        ((100, 3000), (96, 3008), 282),
        ((544, 480), (576, 512), 288),
        ((1754, 1240), (1344, 960), 1260),
        ((1650, 1275), (1280, 992), 1240),
        ((1, 1), (512, 512), 256),
        ((1, 200), (64, 7264), 454),  # an edge rounds to 0; the area is then under the minimum
    ],
)
def test_sizes_of_the_reference(size, resized, tokens):
    assert smart_resize(*size, **LIMITS) == resized
    assert smart_resize(*size[::-1], **LIMITS) == resized[::-1]
    assert math.prod(resized) // 32**2 == tokens


@given(st.integers(1, 40_000), st.integers(1, 40_000))
@example(48, 9600)  # halves round to the even neighbour
@example(200, 40_000)
def test_every_size_is_a_multiple_within_the_limits(height, width):
    if max(height, width) > 200 * min(height, width):
        with pytest.raises(InputError):
            smart_resize(height, width, **LIMITS)
        return
    new_height, new_width = smart_resize(height, width, **LIMITS)
    assert new_height % 32 == new_width % 32 == 0
    assert new_height > 0
    assert new_width > 0
    assert LIMITS["min_pixels"] <= new_height * new_width <= LIMITS["max_pixels"]
    assert smart_resize(width, height, **LIMITS) == (new_width, new_height)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_a_resized_size_stays(height, width):
    if max(height, width) <= 200 * min(height, width):
        once = smart_resize(height, width, **LIMITS)
        if max(once) <= 200 * min(once):
            assert smart_resize(*once, **LIMITS) == once


def test_where_the_reference_steps_over_its_maximum_so_do_we():
    # A side is never 0, though the area is then more than asked for; the shipped limits never get there.
    assert smart_resize(20, 4000, min_pixels=1, max_pixels=2048, factor=32) == (32, 640)


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (1, 201), (100, 20_001)])
def test_too_long_a_shape_is_refused(size):
    with (
        pytest.raises(InputError, match=r"^input 3 is an image of [\d,]+ x [\d,]+ pixels, more than 200 times as long"),
        located(input=3),
    ):
        smart_resize(*size, **LIMITS)
    pixels = np.zeros((*size, 3), np.uint8)
    for function in (find_grid, read_patches):
        with pytest.raises(InputError, match="more than 200 times"):
            function(Image(pixels), GEOMETRY)


# ---- geometry ----


def keys(**changes):
    """Return a projector as a file without any of its image keys gives it."""
    return SimpleNamespace(
        **{
            "path": "vision.gguf",
            "patch_size": 0,
            "merge_size": 0,
            "image_min_pixels": 0,
            "image_max_pixels": 0,
            "video_min_pixels": 0,
            "video_max_pixels": 0,
            "image_mean": (0.0, 0.0, 0.0),
            "image_std": (0.0, 0.0, 0.0),
            **changes,
        }
    )


def test_absent_keys_take_the_documented_values():
    pixels = {"video_min_pixels": 262_144, "video_max_pixels": 12_845_056}
    expected = VisionGeometry(16, 2, 262_144, 1_310_720, (0.5,) * 3, (0.5,) * 3, **pixels)
    assert VisionGeometry.from_projector(keys()) == expected


def test_keys_of_the_file_win():
    values = {"patch_size": 14, "merge_size": 3, "image_min_pixels": 4096, "image_max_pixels": 8192}
    mean, std = (0.0, 0.25, 0.5), (0.25, 0.5, 1.0)
    video = {"video_min_pixels": 1024, "video_max_pixels": 65_536}
    found = VisionGeometry.from_projector(keys(**values, **video, image_mean=mean, image_std=std))
    assert found == VisionGeometry(14, 3, 4096, 8192, mean, std, **video)
    assert (found.factor, found.patch_values) == (42, 3 * 2 * 14 * 14)
    assert found.count_tokens((2, 6, 9)) == 12


@pytest.mark.parametrize(
    "changes",
    [
        {"patch_size": -1},
        {"merge_size": -2},
        {"patch_size": 1 << 20},
        {"image_min_pixels": -5},
        {"image_max_pixels": 1 << 40},
        {"image_min_pixels": 1 << 40, "image_max_pixels": 1 << 41},
        {"image_min_pixels": 2_000_000},  # over the default maximum
        {"video_min_pixels": -5},
        {"video_min_pixels": 13_000_000},
        {"video_max_pixels": 1 << 40},
        {"image_mean": (float("nan"), 0.5, 0.5)},
        {"image_std": (0.5, 0.0, 0.5)},
        {"image_std": (0.5, -0.5, 0.5)},
        {"image_std": (float("inf"), 0.5, 0.5)},
    ],
    ids=str,
)
def test_a_damaged_file_is_refused(changes):
    with pytest.raises(ModelLoadError, match=r"^vision\.gguf: .* make no sense.*; download it again"):
        VisionGeometry.from_projector(keys(**changes))


# ---- pixels to patches ----


def slow_patches(frames, geometry):
    """Write the layout down as loops, and the arithmetic one value at a time."""
    n, height, width, _ = frames.shape
    p, m = geometry.patch_size, geometry.merge_size
    mean, std = (np.float32(values) * np.float32(255) for values in (geometry.mean, geometry.std))
    patches = []
    for t in range((n + 1) // 2):
        pair = [frames[min(2 * t + i, n - 1)] for i in range(2)]
        for block_y in range(0, height, p * m):
            for block_x in range(0, width, p * m):
                for y0 in range(block_y, block_y + p * m, p):
                    for x0 in range(block_x, block_x + p * m, p):
                        patch = [
                            (np.float32(frame[y, x, c]) - mean[c]) / std[c]
                            for c in range(3)
                            for frame in pair
                            for y in range(y0, y0 + p)
                            for x in range(x0, x0 + p)
                        ]
                        patches.append(patch)
    return np.array(patches, np.float32), ((n + 1) // 2, height // p, width // p)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(8, 8), (16, 24), (72, 40)])  # the last is more than one block of patches
def test_patches_are_laid_out_as_the_tower_reads_them(n_frames, size):
    frames = np.stack([noise(*size, seed=i) for i in range(n_frames)])
    patches, grid = pack_patches(frames, TINY)
    expected, expected_grid = slow_patches(frames, TINY)
    assert grid == expected_grid
    assert patches.dtype == np.float32
    assert patches.flags.c_contiguous
    assert np.array_equal(patches, expected)


def test_values_of_the_shipped_mean():
    ramp = np.arange(256, dtype=np.uint8).repeat(12).reshape(1, 32, 32, 3)
    patches, _ = pack_patches(ramp, GEOMETRY)
    assert np.array_equal(np.unique(patches), ((np.arange(256) - 127.5) / 127.5).astype(np.float32))


def bicubic(pixels, height, width):
    """Pillow's bicubic with antialiasing written out: a = -0.5, weights of 22 bits, uint8 between the two passes."""

    def kernel(x):
        x = abs(x)
        if x < 1:
            return (1.5 * x - 2.5) * x * x + 1
        return ((-0.5 * x + 2.5) * x - 4) * x + 2 if x < 2 else 0.0

    def along_first(values, size):
        scale = len(values) / size
        reach = max(scale, 1.0)
        result = np.empty((size, *values.shape[1:]), np.uint8)
        for i in range(size):
            center = (i + 0.5) * scale
            first = max(int(center - 2 * reach + 0.5), 0)
            last = min(int(center + 2 * reach + 0.5), len(values))
            weights = np.array([kernel((j - center + 0.5) / reach) for j in range(first, last)])
            weights = weights / weights.sum() * (1 << 22)
            weights = np.trunc(weights + np.copysign(0.5, weights)).astype(np.int64)
            total = np.tensordot(weights, values[first:last].astype(np.int64), 1) + (1 << 21)
            result[i] = np.clip(total >> 22, 0, 255)
        return result

    horizontal = along_first(pixels.transpose(1, 0, 2), width).transpose(1, 0, 2)
    return along_first(horizontal, height)


@pytest.mark.parametrize("size", [(5, 7), (40, 13), (100, 70), (24, 24), (9, 200)])
def test_an_image_is_stretched_with_the_bicubic_of_the_reference(size):
    pixels = noise(*size)
    height, width = smart_resize(*size, min_pixels=TINY.min_pixels, max_pixels=TINY.max_pixels, factor=TINY.factor)
    patches, grid = read_patches(Image(pixels), TINY)
    expected, expected_grid = slow_patches(bicubic(pixels, height, width)[np.newaxis], TINY)
    assert grid == expected_grid == find_grid(Image(pixels), TINY)
    assert np.array_equal(patches, expected)


def test_patching_leaves_the_image_as_it_was():
    picture = PILImage.fromarray(noise(40, 30))
    before = picture.tobytes()
    patch_pixels(picture, TINY)
    assert (picture.size, picture.tobytes()) == ((30, 40), before)


@given(st.integers(1, 90), st.integers(1, 90))
def test_the_grid_is_that_of_the_patches(height, width):
    image = Image(np.zeros((height, width), np.uint8))
    patches, grid = read_patches(image, TINY)
    assert find_grid(image, TINY) == grid
    assert patches.shape == (math.prod(grid), TINY.patch_values)


@needs_pack
@pytest.mark.parametrize("size", ["small", "nano"])
def test_the_reference_pack_has_the_same_grids(size):
    with np.load(PACK / size / "stages.npz") as stages:
        image = Image(PACK / "media" / str(stages["image_name"]))
        grid = tuple(stages["image_grid"])
        n_tokens = len(stages["image_tokens"])
    assert find_grid(image, GEOMETRY) == grid
    assert read_patches(image, GEOMETRY)[1] == grid
    assert GEOMETRY.count_tokens(grid) == n_tokens


# ---- files ----


@pytest.mark.parametrize("name", sorted(samples()))
@pytest.mark.parametrize("wrap", ["bytes", "bytearray", "memoryview", "path", "str"])
def test_every_type_of_file_opens_from_every_source(name, wrap, tmp_path):
    data = samples()[name]
    path = tmp_path / "picture.wrong"
    path.write_bytes(data)
    source = {
        "bytes": data,
        "bytearray": bytearray(data),
        "memoryview": memoryview(data),
        "path": path,
        "str": str(path),
    }
    image = Image(source[wrap])
    pixels = decode(image)
    opener = pillow_heif.HeifImageFile if name.startswith("heic") else PILImage.open
    with opener(io.BytesIO(data)) as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, that a palette's alphas get lost
        expected = opened.convert("RGB")
    assert (pixels.mode, pixels.size) == ("RGB", (9, 12))
    assert pixels.tobytes() == expected.tobytes()
    assert find_grid(image, TINY) == read_patches(image, TINY)[1]


def test_a_lossless_picture_is_exact():
    pixels = noise(12, 9)
    assert np.array_equal(decode(Image(encoded(PILImage.fromarray(pixels), "PNG"))), pixels)


@pytest.mark.parametrize(
    "array",
    [
        noise(3, 5, 0),
        noise(3, 5, 1),
        noise(3, 5, 3),
        noise(3, 5, 4),
        noise(6, 10)[::-2, ::2],
        np.asfortranarray(noise(3, 5)),
    ],
)
def test_arrays_are_pixels(array):
    expected = array.reshape(3, 5, -1)[:, :, :3]
    assert np.array_equal(decode(Image(array)), np.broadcast_to(expected, (3, 5, 3)))


def test_a_read_only_array_is_fine_and_none_is_changed():
    array = noise(3, 5)
    array.flags.writeable = False
    decode(Image(array))
    read_patches(Image(array), TINY)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (
            np.zeros((4, 4, 3), np.float32),
            "array of float32; pixels are uint8, from 0 to 255; for values of 0 to 1: (array * 255)",
        ),
        (np.full((4, 4, 3), np.nan), "array of float64; pixels are uint8"),
        (np.zeros((4, 4), np.uint16), "array of uint16"),
        (np.zeros((4, 4), bool), "array of bool"),
        (np.array([["a"]]), "pixels are uint8"),
        (np.zeros((3, 4, 5), np.uint8), "shape (3, 4, 5); an image is (height, width), (height, width, 1)"),
        (np.zeros((3, 40, 50), np.uint8), "channels come last: array.transpose(1, 2, 0)"),
        (np.zeros((4, 4, 2), np.uint8), "shape (4, 4, 2)"),
        (np.zeros((2, 4, 4, 3), np.uint8), "shape (2, 4, 4, 3)"),
        (np.zeros(4, np.uint8), "shape (4,)"),
        (np.uint8(4) * np.ones((), np.uint8), "shape ()"),
        (np.zeros((0, 0, 3), np.uint8), "0 x 0 pixels, which is empty"),
        (np.zeros((0, 5), np.uint8), "5 x 0 pixels, which is empty"),
        (np.zeros((5, 0, 1), np.uint8), "0 x 5 pixels, which is empty"),
    ],
)
def test_other_arrays_are_refused(array, words):
    for function in (decode, lambda image: find_grid(image, GEOMETRY)):
        with pytest.raises(InputError) as caught, located(input=3):
            function(Image(np.asarray(array)))
        assert str(caught.value).startswith("input 3 is an ")
        assert words in str(caught.value)
        assert not isinstance(caught.value, DecodeError)


def test_an_empty_picture_is_refused():
    for picture in (PILImage.new("RGB", (0, 0)), PILImage.new("L", (0, 7))):
        with pytest.raises(InputError, match="which is empty; leave it out"):
            decode(Image(picture))
        with pytest.raises(InputError, match="which is empty; leave it out"):
            find_grid(Image(picture), GEOMETRY)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "RGBX", "RGBa"]
)
def test_every_mode_is_converted_as_pillow_does_it(mode):
    grey = PILImage.fromarray(noise(5, 4, 0))
    bands = PILImage.getmodebands(mode)
    picture = PILImage.frombytes(mode, (4, 5), noise(5, 4, bands).tobytes()) if mode != "1" else grey.convert("1")
    if mode in ("P", "PA"):
        picture.putpalette(noise(256, 3, 0).tobytes())
    assert decode(Image(picture)).tobytes() == picture.convert("RGB").tobytes()


def test_alpha_is_dropped_not_composited():
    picture = PILImage.new("RGBA", (2, 2), (200, 100, 50, 0))
    assert decode(Image(encoded(picture, "PNG"))).getpixel((0, 0)) == (200, 100, 50)


def test_a_palette_with_alphas_gives_its_colours_without_a_warning():
    picture = PILImage.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((1, 0), 1)
    picture.info["transparency"] = bytes([0, 128])
    for source in (picture, encoded(picture, "PNG", transparency=bytes([0, 128]))):
        pixels = decode(Image(source))
        assert [pixels.getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), (200, 100, 50)]
    assert "transparency" in picture.info  # the caller's picture is left alone


def test_an_animation_gives_its_first_frame():
    frames = [PILImage.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert decode(Image(data)).getpixel((0, 0)) == (255, 0, 0)


def test_a_pil_image_gives_the_frame_it_stands_at():
    frames = [PILImage.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    with PILImage.open(io.BytesIO(encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:]))) as opened:
        opened.seek(1)
        assert decode(Image(opened)).getpixel((0, 0)) == (0, 0, 255)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_16_bits(rows, *, colour):
    """Write a PNG of two pixels per row, since Pillow writes no 16-bit colour."""
    header = struct.pack(">IIBBBBB", 2, len(rows), 16, 2 if colour else 0, 0, 0, 0)
    data = b"".join(b"\0" + np.array(row, ">u2").tobytes() for row in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def test_16_bit_colour_keeps_its_high_bytes():
    pixels = decode(Image(png_of_16_bits([[(0x1234, 0xFF00, 0x00FF), (0, 0, 0)]], colour=True)))
    assert pixels.getpixel((0, 0)) == (0x12, 0xFF, 0x00)


def test_16_bit_greyscale_is_refused_where_conversion_would_clip():
    for source in (
        png_of_16_bits([[0, 256]], colour=False),
        encoded(PILImage.fromarray(np.array([[0, 40_000]], np.uint16)), "TIFF"),
        encoded(PILImage.fromarray(np.array([[0, 40_000]], np.uint16)), "PPM"),
        PILImage.fromarray(np.array([[-1, 255]], np.int32)),
    ):
        with (
            pytest.raises(
                InputError, match=r"^input 3 has I(;16.?)? pixels of -?\d+ to \d+, and a conversion to 8 bits clips"
            ),
            located(input=3),
        ):
            decode(Image(source))


def test_16_bit_greyscale_within_8_bits_is_exact():
    for source in (png_of_16_bits([[7, 255]], colour=False), PILImage.fromarray(np.array([[7, 255]], np.int32))):
        assert np.array_equal(np.asarray(decode(Image(source)))[0], [[7] * 3, [255] * 3])


def test_floating_point_pixels_are_refused():
    picture = PILImage.fromarray(np.full((2, 2), np.nan, np.float32))
    for source in (picture, encoded(picture, "TIFF")):
        with pytest.raises(InputError, match="floating-point pixels, which have no agreed range"):
            decode(Image(source))


# ---- HEIC ----


def test_a_grid_of_tiles_is_one_picture():
    smooth = np.linspace(0, 255, 200 * 300 * 3).astype(np.uint8).reshape(200, 300, 3)
    data = heic(PILImage.fromarray(smooth), tile=64, quality=95)
    assert b"grid" in data  # the kind of an item made of others
    assert find_grid(Image(data), TINY) == read_patches(Image(data), TINY)[1]
    pixels = np.asarray(decode(Image(data)), np.int16)
    assert pixels.shape == smooth.shape
    assert np.abs(pixels - smooth).mean() < 2  # lossy, but every tile is in its place


def test_of_several_pictures_the_primary_one_is_taken():
    pictures = [PILImage.new("RGB", (64 + 16 * i, 64), colour) for i, colour in enumerate(["black", "white", "black"])]
    for primary in range(3):
        pixels = decode(Image(heic(*pictures, primary_index=primary, quality=-1)))
        assert pixels.size == pictures[primary].size
        assert pixels.getpixel((9, 9)) == pictures[primary].getpixel((9, 9))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ask", ORIENTATIONS)
def test_heic_is_turned_by_its_container_and_once(orientation, ask):
    picture = PILImage.fromarray(noise(64, 128))
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    upright = decode(Image(heic(picture, quality=-1, chroma=444)))
    operation = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(orientation)  # EXIF 2.3 to Pillow's Transpose
    expected = upright if operation is None else upright.transpose(operation)
    # The encoder writes the orientation into the container; the EXIF data only repeat it.
    image = Image(heic(picture, exif=exif.tobytes(), quality=-1, chroma=444), orientation=ask)
    assert decode(image).tobytes() == expected.tobytes()
    assert find_grid(image, TINY) == read_patches(image, TINY)[1]


@pytest.mark.parametrize("ask", ORIENTATIONS)
def test_heic_of_another_size_than_its_header_says_is_an_error(ask):
    content = bytearray(heic(PILImage.fromarray(noise(12, 9))))
    content[content.index(b"clap") + 23] = 0  # the last byte of what the crop is moved by: far out of the picture
    with pytest.raises(DecodeError, match="pixels of another size"):
        decode(Image(bytes(content), orientation=ask))


def test_pillow_itself_learns_nothing_of_heic():
    decode(Image(samples()["heic"]))
    assert "HEIF" not in PILImage.OPEN


@pytest.mark.parametrize(("side", "error"), [(60_000, InputError), (9_500, InputError), (9_000, DecodeError)])
def test_a_heic_bomb_is_refused_by_its_header(side, error):
    data = bytearray(samples()["heic"])
    place = data.find(b"ispe")
    while place > 0:  # ISO 23008-12, 6.5.3: version and flags, then width and height
        data[place + 8 : place + 16] = struct.pack(">II", side, side)
        place = data.find(b"ispe", place + 1)
    for function in (decode, lambda image: read_patches(image, GEOMETRY)):
        with pytest.raises(error, match=r"^input 3 "), located(input=3):
            function(Image(bytes(data)))


def test_a_missing_package_for_heic_is_named_with_its_pip_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    words = r"^input 3 is a HEIC image, which needs pillow-heif: pip install 'jina-omni\[heic\]'$"
    with pytest.raises(UnsupportedMediaError, match=words), located(input=3):
        decode(Image(samples()["heic"]))


# ---- EXIF ----


def oriented(kind, orientation, **options):
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    return encoded(PILImage.fromarray(noise(40, 24)), kind, exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_exif_orientation_is_applied_only_when_asked_for(kind, orientation):
    data = oriented(kind, orientation)
    plain, turned = Image(data), Image(data, orientation="upright")
    upright = decode(plain)
    assert upright.size == (24, 40)
    operation = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(orientation)  # EXIF 2.3 to Pillow's Transpose
    expected = upright if operation is None else upright.transpose(operation)
    assert decode(turned).tobytes() == expected.tobytes()
    assert decode(turned).size == expected.size
    for image in (plain, turned):
        assert find_grid(image, TINY) == read_patches(image, TINY)[1]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("ask", ORIENTATIONS)
def test_tiff_is_turned_by_pillow_and_once(orientation, compression, ask):
    image = Image(oriented("TIFF", orientation, compression=compression), orientation=ask)
    with PILImage.open(io.BytesIO(image.source)) as opened:
        expected = opened.convert("RGB")
    assert decode(image).tobytes() == expected.tobytes()
    assert find_grid(image, TINY) == read_patches(image, TINY)[1]


def test_a_pil_image_is_not_turned_in_its_place():
    with PILImage.open(io.BytesIO(oriented("PNG", 6))) as opened:
        assert decode(Image(opened, orientation="upright")).size == (40, 24)
        assert opened.size == (24, 40)
        assert opened.getexif()[0x0112] == 6


def test_the_model_says_which_way_is_up_unless_an_image_does():
    data = oriented("JPEG", 6)
    upright = PictureOptions(orientation="upright")
    for options, own, size in [
        (PictureOptions(), None, (24, 40)),
        (PictureOptions(), "upright", (40, 24)),
        (upright, None, (40, 24)),
        (upright, "as-stored", (24, 40)),
    ]:
        image = Image(data, orientation=own)
        assert decode(image, options=options).size == size
        assert find_grid(image, TINY, options=options) == read_patches(image, TINY, options=options)[1]


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_turned_only_when_asked_for():
    data = oriented("AVIF", 6, quality=100)
    assert [decode(Image(data, orientation=asked)).size for asked in ORIENTATIONS] == [(24, 40), (40, 24)]


# ---- background ----


def transparent():
    """Return pictures whose left half shows what is behind, by way of saying so."""
    pixels = np.full((8, 10, 4), 255, np.uint8)
    pixels[..., :3] = noise(8, 10)
    pixels[:, :5, 3] = 0
    rgba = PILImage.fromarray(pixels)
    keyed = rgba.convert("RGB")
    keyed.paste((9, 8, 7), (0, 0, 5, 8))
    palette = PILImage.new("P", (10, 8), 1)
    palette.putpalette([9, 8, 7, 200, 100, 50])
    palette.paste(0, (0, 0, 5, 8))
    return {
        "array": (pixels, pixels[:, 5:, :3]),
        "PIL": (rgba, pixels[:, 5:, :3]),
        "PNG": (encoded(rgba, "PNG"), pixels[:, 5:, :3]),
        "PNG of grey": (encoded(rgba.convert("LA"), "PNG"), np.asarray(rgba.convert("L").convert("RGB"))[:, 5:]),
        "PNG of a transparent colour": (encoded(keyed, "PNG", transparency=(9, 8, 7)), pixels[:, 5:, :3]),
        "PNG of a palette": (encoded(palette, "PNG", transparency=b"\0\xff"), np.uint8([[(200, 100, 50)] * 5] * 8)),
        "GIF": (encoded(palette, "GIF", transparency=0), np.uint8([[(200, 100, 50)] * 5] * 8)),
        "WebP": (encoded(rgba, "WEBP", lossless=True), pixels[:, 5:, :3]),
        "TIFF": (encoded(rgba, "TIFF"), pixels[:, 5:, :3]),
        "multiplied": (rgba.convert("RGBa"), pixels[:, 5:, :3]),
    }


@pytest.mark.parametrize("background", ["white", "#0040ff", (1, 2, 3)])
@pytest.mark.parametrize("name", transparent())
def test_a_background_shows_where_a_picture_is_transparent(name, background):
    source, opaque = transparent()[name]
    found = np.asarray(decode(Image(source, background=background)))
    assert np.array_equal(found[:, :5], np.broadcast_to(read_background(background), (8, 5, 3)))
    assert np.array_equal(found[:, 5:], opaque)
    options = PictureOptions(background=read_background(background))
    assert np.array_equal(np.asarray(decode(Image(source), options=options)), found)


def test_what_is_half_transparent_is_mixed_with_the_background():
    pixels = np.full((2, 2, 4), (100, 200, 50, 128), np.uint8)
    (found,) = {tuple(row) for row in np.asarray(decode(Image(pixels, background="white"))).reshape(-1, 3).tolist()}
    assert np.abs(np.array(found) - (177, 227, 152)).max() <= 1


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "heic"])
def test_a_background_does_not_change_what_is_opaque(kind):
    data = samples()[kind]
    assert decode(Image(data, background="red")).tobytes() == decode(Image(data)).tobytes()


@pytest.mark.parametrize(
    "value", ["no colour", "#12", (1, 2), (1, 2, 256), (1.0, 2, 3), "#00000080", 7, True, [None] * 3]
)
def test_what_is_not_a_background_is_refused(value):
    with pytest.raises(ValueError, match=r"background is .*; pass an opaque colour"):
        read_background(value)
    with pytest.raises(InputError, match=r"background is .*; pass an opaque colour"):
        check(Image(samples()["png"], background=value))


@pytest.mark.parametrize("value", ["up", True, 6, ["upright"]])
def test_what_is_not_an_orientation_is_refused(value):
    with pytest.raises(InputError, match=r"orientation=.*; pass 'as-stored' or 'upright'"):
        check(Image(samples()["png"], orientation=value))


# ---- faults ----


@pytest.mark.parametrize("kind", sorted(set(samples()) - {"gif-animated"}))  # its first frame would still be whole
def test_a_file_cut_short_is_an_error(kind):
    data = samples()[kind]
    with pytest.raises(DecodeError, match=r"^input 3 .+; it is damaged or cut short$") as caught, located(input=3):
        decode(Image(data[: len(data) // 2]))
    assert caught.value.__context__ is not None
    assert "object at 0x" not in str(caught.value)


def test_pillow_is_never_asked_to_fill_in_what_is_missing():
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_lazy_pil_image_of_a_damaged_file_is_an_error_of_ours():
    data = samples()["jpeg"]
    with PILImage.open(io.BytesIO(data[:-40])) as opened, pytest.raises(DecodeError):
        decode(Image(opened))


def test_a_closed_pil_image_is_an_error_of_ours():
    picture = PILImage.new("RGB", (3, 3))
    picture.close()
    with pytest.raises(InputError):
        decode(Image(picture))


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (b"", DecodeError, "is an empty file"),
        (b"%PDF-1.7", UnsupportedMediaError, "application/pdf, which jina_omni.Image does not take; pass jina_omni.P"),
        (b"fLaC\0\0\0\x22", UnsupportedMediaError, "pass jina_omni.Audio"),
        (b"FLV\x01", UnsupportedMediaError, "pass jina_omni.Video"),
        (b"8BPS\0\x01", UnsupportedMediaError, "does not take; it takes JPEG, PNG, GIF"),
        (b"\x01\x80", UnsupportedMediaError, "of an unknown type, which jina_omni.Image does not take; it takes JPEG"),
        (b"hello", UnsupportedMediaError, "text/plain, which jina_omni.Image does not take; pass its contents as"),
        ("https://example.org/a.jpg", InputError, "URLs are not fetched; pass the file's bytes"),
        ("data:image/png;base64,AAAA", InputError, "URLs are not fetched"),
        ("missing.jpg", InputError, "No such file or directory; check the path"),
        ("a\0b", InputError, "check the path"),
    ],
)
def test_what_is_not_an_image_is_named(source, error, words):
    for function in (decode, lambda image: find_grid(image, GEOMETRY)):
        with pytest.raises(error) as caught, located(input=3):
            function(Image(source))
        assert str(caught.value).startswith("input 3 ")
        assert words in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_does_not_block(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(InputError, match="is not a regular file"):
        decode(Image(path))


def png_of_size(width, height):
    """Write a PNG that claims a size and has no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + struct.pack(">I", 1000) + b"IDAT" + bytes(10)


@pytest.mark.parametrize("action", ["error", "ignore"])
@pytest.mark.parametrize("size", [(9_460, 9_460), (13_000, 13_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_whatever_the_warning_filters(size, action):
    data = png_of_size(*size)
    for function in (decode, lambda image: find_grid(image, GEOMETRY)):
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            with (
                pytest.raises(
                    InputError, match=r"^input 3 is too large to decode safely .*; shrink it to a few megapixels"
                ),
                located(input=3),
            ):
                function(Image(data))


def test_just_under_the_limit_is_fine():
    assert find_grid(Image(png_of_size(10_000, 8_947)), GEOMETRY) == (1, 66, 74)


def test_pillows_own_limit_may_be_lifted_and_ours_holds(monkeypatch):
    monkeypatch.setattr(PILImage, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(InputError, match="13,000 x 13,000 pixels are over the limit of 89,478,485"):
        decode(Image(png_of_size(13_000, 13_000)))


def test_a_large_image_opened_by_the_caller_is_taken(monkeypatch):
    monkeypatch.setattr(image_files, "MAX_PIXELS", 100)
    data = samples()["png"]
    with pytest.raises(InputError, match="over the limit of 100"):
        decode(Image(data))
    with PILImage.open(io.BytesIO(data)) as opened:
        assert decode(Image(opened)).size == (9, 12)


def test_a_zero_sized_file_is_an_error():
    for data in (png_of_size(0, 0), b"P6\n0 0\n255\n", b"GIF89a" + bytes(7) + b","):
        with pytest.raises(InputError):
            decode(Image(data))


def test_a_format_that_this_pillow_lacks_is_named(monkeypatch):
    from PIL import WebPImagePlugin

    monkeypatch.setattr(WebPImagePlugin, "SUPPORTED", False, raising=False)
    with (
        pytest.raises(
            UnsupportedMediaError, match="input 3 is WebP, which this Pillow does not read; install the newest"
        ),
        located(input=3),
    ):
        decode(Image(samples()["webp"]))


def test_a_format_without_a_decoder_is_named(monkeypatch):
    monkeypatch.setitem(FILE_TYPES, "image/png", FILE_TYPES["image/png"]._replace(plugin="NoSuchPlugin"))
    with (
        pytest.raises(UnsupportedMediaError, match="input 3 is PNG, which this Pillow does not read"),
        located(input=3),
    ):
        decode(Image(samples()["png"]))


ORIENTATIONS_ASKED = st.sampled_from(ORIENTATIONS)
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check_image_or_error(data, *, orientation):
    """Any bytes give an image or an InputError, and the same grid by header and by pixels."""
    image = Image(data, orientation=orientation)
    try:
        patches, grid = read_patches(image, TINY)
    except InputError:
        with contextlib.suppress(InputError):  # the header may still look well
            find_grid(image, TINY)
        return
    assert np.isfinite(patches).all()
    assert find_grid(image, TINY) == grid


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(image_files, "MAX_PIXELS", 1 << 20)  # else a changed header makes some examples slow


@FUZZ
@given(data=st.binary(max_size=300), orientation=ORIENTATIONS_ASKED)
def test_random_bytes_give_an_image_or_our_error(data, orientation):
    check_image_or_error(data, orientation=orientation)


@pytest.mark.usefixtures("small_limit")
@FUZZ
@given(
    signature=st.sampled_from(sorted({data[:16] for data in samples().values()})),
    data=st.binary(max_size=300),
    orientation=ORIENTATIONS_ASKED,
)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_random_bytes_after_a_signature_give_an_image_or_our_error(signature, data, orientation):
    check_image_or_error(signature + data, orientation=orientation)


# Pillow warns of odd metadata; with the warnings off, decoding goes further. A caller may have either.
@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("action", ["ignore", "error"])
@pytest.mark.parametrize("kind", sorted(samples()))
@FUZZ
@given(data=st.data())
def test_a_damaged_file_gives_an_image_or_our_error(kind, action, data):
    content = bytearray(samples()[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        change = data.draw(st.sampled_from(["set", "set", "cut", "insert", "remove"]))
        if change == "set":
            content[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
        elif change == "cut":
            del content[max(place, 1) :]
        elif change == "insert":
            content[place:place] = data.draw(st.binary(min_size=1, max_size=8))
        elif len(content) > 8:
            del content[place : place + 4]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter(action, UserWarning)
        warnings.simplefilter("error", ResourceWarning)
        check_image_or_error(bytes(content), orientation=data.draw(ORIENTATIONS_ASKED))


# ---- threads and files ----


def test_threads_decode_at_the_same_time():
    data = encoded(PILImage.fromarray(noise(200, 150)), "PNG")
    expected = noise(200, 150).tobytes()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: decode(Image(data)).tobytes() == expected, range(64)))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "GIF"])
def test_threads_may_share_a_pil_image_that_is_not_read_yet(kind):
    data = encoded(PILImage.fromarray(noise(200, 150)), kind, **({"lossless": True} if kind == "WEBP" else {}))
    with PILImage.open(io.BytesIO(data)) as opened:
        expected = opened.convert("RGB").tobytes()
    for _ in range(5):
        with PILImage.open(io.BytesIO(data)) as shared, concurrent.futures.ThreadPoolExecutor(8) as pool:
            start = threading.Barrier(8)

            def work(_, shared=shared, start=start):
                start.wait()
                return decode(Image(shared)).tobytes() == expected

            assert all(pool.map(work, range(8)))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")  # noqa: PTH112
def test_no_file_stays_open(tmp_path):
    paths = []
    for kind, data in samples().items():
        for name, content in (("whole", data), ("cut", data[: len(data) // 2])):
            paths.append(tmp_path / f"{kind}-{name}")
            paths[-1].write_bytes(content)
    paths.append(tmp_path / "missing")
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for path in paths:
        for function in (decode, lambda image: find_grid(image, GEOMETRY)):
            with contextlib.suppress(InputError):
                function(Image(path))
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    gc.collect()  # a ResourceWarning would show here


@pytest.mark.parametrize("name", sorted(samples()))
def test_the_media_type_of_a_sample_is_detected(name):
    expected = {"ppm": "image/x-portable-anymap", "ico": "image/x-icon", "jpeg2000": "image/jp2"}.get(
        name, f"image/{name.split('-')[0]}"
    )
    assert detect_media_type(samples()[name]) == expected


def test_the_examples_run():
    assert all(doctest.testmod(module).failed == 0 for module in (image_module, patches_module))
