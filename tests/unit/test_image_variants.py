# SPDX-License-Identifier: Apache-2.0
"""Variants of images that Pillow by itself refuses, misreads or takes a thumbnail of."""

import io
import struct
import warnings
import zlib

import numpy as np
import PIL
import pytest
from PIL import Image as PILImage
from PIL import ImageFile, PngImagePlugin, TiffImagePlugin, features

from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError
from jina_omni.media import image_files, png_texts
from jina_omni.media.image import Image, decode, find_grid
from jina_omni.media.patches import VisionGeometry
from jina_omni.media.tiff_directories import read_directories
from testing.media_files import encoded

WIDTH, HEIGHT = 24, 16
GREY = (np.arange(HEIGHT)[:, np.newaxis] * 7 + np.arange(WIDTH) * 6).astype(np.uint16)
COLOURS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)

# The letter of `struct` of a type of TIFF.
LETTERS = {3: "H", 4: "I", 7: "B", 16: "Q"}


def directory(order, tags, place, *, following=0, big=False):
    """Write the directory of a TIFF file at a place; `tags` are tag: (type, values)."""
    n_entry, n_value, offset = (20, 8, "Q") if big else (12, 4, "I")
    begin = struct.pack(order + ("Q" if big else "H"), len(tags))
    behind_at = place + len(begin) + n_entry * len(tags) + n_value
    entries, behind = b"", b""
    for tag, (type_, values) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}{LETTERS[type_]}", *values)
        if len(packed) > n_value:
            packed, behind = struct.pack(order + offset, behind_at + len(behind)), behind + packed
        head = struct.pack(order + "HH" + offset, tag, type_, len(values))
        entries += head + packed.ljust(n_value, b"\0")
    return begin + entries + struct.pack(order + offset, following) + behind


def tiff(pixels, *, order=">", photometric=None, big=False, n_strips=1, extra=None, more=None):
    """Write a TIFF file without compression, whose pixels stand before its directory."""
    height, width, *channels = pixels.shape
    n_channels = channels[0] if channels else 1
    samples = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    begin = 16 if big else 8
    place = begin + len(samples) + len(samples) % 2
    n_strip = len(samples) // n_strips
    tags = {
        256: (3, [width]),
        257: (3, [height]),
        258: (3, [pixels.itemsize * 8] * n_channels),
        259: (3, [1]),
        262: (3, [photometric if photometric is not None else 2 if n_channels > 2 else 1]),
        273: (16 if big else 4, [begin + i * n_strip for i in range(n_strips)]),
        277: (3, [n_channels]),
        278: (3, [height // n_strips]),
        279: (16 if big else 4, [n_strip] * n_strips),
        **({338: (3, [extra])} if extra is not None else {}),
        **(more or {}),
    }
    mark = b"II" if order == "<" else b"MM"
    head = struct.pack(order + "HHHQ", 43, 8, 0, place) if big else struct.pack(order + "HI", 42, place)
    body = samples.ljust(place - begin, b"\0")
    return mark + head + body + directory(order, tags, place, big=big)


def raw_photo(order="<", *, reduced=1, more=None, sub=None):
    """Write a thumbnail, with a directory of other tags below it."""
    at = 1000
    thumbnail = {254: (4, [reduced]), 271: (7, b"NIKON CORPORATION\0"), 330: (4, [at]), **(more or {})}
    data = tiff(np.zeros((8, 8, 3), np.uint8), order=order, more=thumbnail)
    assert len(data) <= at
    return data.ljust(at, b"\0") + directory(order, sub or {254: (4, [0]), 262: (3, [32803])}, at)


def pixels_of(data):
    return np.asarray(decode(Image(data)))


# ---- TIFF ----


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bits_within_8_are_exact_in_either_order(order):
    assert np.array_equal(pixels_of(tiff(GREY, order=order))[..., 0], GREY)


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bits_over_8_are_refused_in_either_order(order):
    with pytest.raises(InputError, match=r"pixels of 0 to 36450, .*; scale them") as caught:
        decode(Image(tiff(GREY * 150, order=order)))
    assert not isinstance(caught.value, DecodeError)


def test_16_bits_whose_zero_is_white_are_inverted():
    assert np.array_equal(pixels_of(tiff(0xFFFF - GREY, order="<", photometric=0))[..., 0], GREY)
    with pytest.raises(InputError, match="scale them"):  # which Pillow gives as they are
        decode(Image(tiff(GREY, order="<", photometric=0)))


@pytest.mark.parametrize("orientation", ["as-stored", "upright"])
def test_an_open_tiff_whose_zero_is_white_is_inverted(orientation):
    def give(pixels):
        with PILImage.open(io.BytesIO(tiff(pixels, order="<", photometric=0))) as opened:
            return np.asarray(decode(Image(opened, orientation=orientation)))[..., 0]

    assert np.array_equal(give(0xFFFF - GREY), GREY)
    with pytest.raises(InputError, match="scale them"):
        give(GREY)


# Older versions of Pillow read the last of these forms only.
needs_grey_with_alpha = pytest.mark.skipif(
    (b"II", 1, (1,), 1, (8, 8), (1,)) not in TiffImagePlugin.OPEN_INFO, reason="this Pillow does not read it"
)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "extra", [pytest.param(0, marks=needs_grey_with_alpha), pytest.param(1, marks=needs_grey_with_alpha), 2]
)
def test_grey_with_alpha_is_its_grey(order, extra):
    data = tiff(np.stack([GREY, np.full_like(GREY, 255)], -1).astype(np.uint8), order=order, extra=extra)
    assert np.array_equal(pixels_of(data)[..., 0], GREY)


@needs_grey_with_alpha
def test_grey_that_its_alpha_multiplies_is_divided_by_it():
    data = tiff(np.stack([GREY // 4, np.full_like(GREY, 128)], -1).astype(np.uint8), extra=1)
    assert np.abs(pixels_of(data)[..., 0].astype(int) - GREY // 4 * 255 // 128).max() <= 1


@pytest.mark.parametrize("n_strips", [1, 2, 4])
@pytest.mark.parametrize("pixels", [COLOURS, GREY.astype(np.uint8)], ids=["RGB", "grey"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_bigtiff_is_read_in_either_order(order, pixels, n_strips):
    found = pixels_of(tiff(pixels, order=order, big=True, n_strips=n_strips))
    assert np.array_equal(found if pixels.ndim == 3 else found[..., 0], pixels)


def test_compressed_big_endian_bigtiff_is_read():
    """The stream of a TIFF file, in a BigTIFF directory."""
    samples = zlib.compress(COLOURS.tobytes())
    place = 16 + len(samples) + len(samples) % 2
    tags = {256: [WIDTH], 257: [HEIGHT], 258: [8, 8, 8], 259: [8], 262: [2], 277: [3], 278: [HEIGHT]}
    entries = {tag: (3, values) for tag, values in tags.items()} | {273: (16, [16]), 279: (16, [len(samples)])}
    head = b"MM" + struct.pack(">HHHQ", 43, 8, 0, place)
    data = head + samples.ljust(place - 16, b"\0") + directory(">", entries, place, big=True)
    assert np.array_equal(pixels_of(data), COLOURS)


def test_a_bigtiff_that_is_cut_is_damaged():
    data = tiff(COLOURS, big=True)
    for cut in (data[:12], data[:-100]):
        with pytest.raises(DecodeError):
            decode(Image(cut))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tiff(COLOURS.astype(np.uint32), order="<"), "bits 32 32 32"),
        (tiff(GREY.astype(np.uint32)), "bits 32"),
        (tiff(np.stack([GREY, GREY], -1)), "bits 16 16"),
        (tiff(COLOURS, more={259: (3, [34712])}), "compression 34712"),
    ],
    ids=["RGB of 32 bits", "grey of 32 bits", "grey of 16 bits with alpha", "JPEG 2000"],
)
def test_a_variant_that_pillow_does_not_read_is_named(data, words):
    for function in (decode, lambda image: find_grid(image, VisionGeometry())):
        with pytest.raises(UnsupportedMediaError, match=f"is TIFF of a variant .*{words}.*; convert it to PNG"):
            function(Image(data))


def test_a_compression_that_libtiff_lacks_is_not_damage(monkeypatch):
    data = tiff(COLOURS, order="<", more={259: (3, [50001])})

    def fail(_image):  # as libtiff without this codec
        raise OSError("decoder error -2")

    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "load", fail)
    with pytest.raises(UnsupportedMediaError, match=r"compressed by webp, .*; convert it to PNG"):
        decode(Image(data))
    with pytest.raises(DecodeError):
        decode(Image(tiff(COLOURS, order="<", more={259: (3, [8])})))


def test_a_tiff_whose_directory_is_cut_is_damaged():
    with pytest.raises(DecodeError):
        decode(Image(tiff(COLOURS)[:-200]))


# ---- raw photos ----


@pytest.mark.parametrize(
    "data",
    [
        raw_photo(),
        raw_photo(">"),
        raw_photo(reduced=0),
        raw_photo(sub={254: (4, [0]), 262: (3, [34892])}),
        raw_photo(sub={254: (4, [0]), 259: (3, [34713])}),
        raw_photo(more={50706: (7, [1, 4, 0, 0])}),
        tiff(COLOURS, more={50706: (7, [1, 4, 0, 0])}),
    ],
    ids=["NEF", "big-endian", "not marked as reduced", "linear", "without its colours", "DNG", "DNG without others"],
)
def test_a_raw_photo_is_refused_instead_of_its_thumbnail(data):
    for function in (decode, lambda image: find_grid(image, VisionGeometry())):
        with pytest.raises(UnsupportedMediaError, match=r"is a raw photo .*; develop it"):
            function(Image(data))


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"II*\0\x10\0\0\0CR\x02\0", "CR2"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "CR3"),
        (b"FUJIFILMCCD-RAW 0201", "RAF"),
        (b"IIRO\x08\0\0\0", "ORF"),
        (b"IIU\0\x08\0\0\0", "RW2"),
    ],
)
def test_types_of_raw_photos_are_named(head, name):
    with pytest.raises(UnsupportedMediaError, match=rf"is a raw photo \({name}\)"):
        decode(Image(head + bytes(100)))


def test_a_raw_photo_is_known_beside_a_damaged_tag():
    data = bytearray(raw_photo(reduced=0))
    place = data.index(struct.pack("<HHI", 271, 7, 18)) + 8
    data[place : place + 4] = b"\xf0\xff\xff\xff"
    with pytest.raises(UnsupportedMediaError, match=r"is a raw photo \(in TIFF\)"):
        decode(Image(bytes(data)))


def test_a_tiff_with_smaller_pictures_below_it_is_no_raw_photo():
    file = io.BytesIO(raw_photo(reduced=0, sub={254: (4, [1]), 262: (3, [2])}))
    assert decode(Image(file.getvalue())).size == (8, 8)


@pytest.mark.parametrize("data", [b"", b"II*\0", b"MM\0+\0\x08\0\0", b"II*\0\xff\xff\xff\x7f", tiff(COLOURS)[:-150]])
def test_directories_that_are_cut_are_left_out(data):
    assert read_directories(io.BytesIO(data)) == []


def test_a_bigtiff_of_too_many_values_is_damaged(tmp_path):
    data = bytearray(tiff(COLOURS, big=True, n_strips=4))
    place = data.index(struct.pack(">HHQ", 273, 16, 4))
    data[place + 4 : place + 12] = struct.pack(">Q", 1 << 59)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(DecodeError, match="too many values"):
        decode(Image(tmp_path / "a.tif"))


def test_a_bigtiff_whose_tags_share_their_values_is_damaged():
    values = (16, list(range(500)))
    tags = {256: (3, [1]), 257: (3, [1]), **dict.fromkeys(range(60000, 60020), values)}
    data = bytearray(struct.pack(">2sHHHQ", b"MM", 43, 8, 0, 16) + directory(">", tags, 16, big=True))
    first = data.index(struct.pack(">HHQ", 60_000, 16, 500))
    (place,) = struct.unpack_from(">Q", data, first + 12)
    for i in range(20):
        struct.pack_into(">Q", data, first + 20 * i + 12, place)
    with pytest.raises(DecodeError, match="more values than the file"):
        decode(Image(bytes(data[: place + 8 * 500])))


def test_directories_that_refer_to_each_other_end():
    data = bytearray(raw_photo(sub={330: (4, [1000, 200, 1000])}, reduced=0))
    assert len(read_directories(io.BytesIO(data))) == 2


# ---- PNG ----


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


MUCH = zlib.compress(b"{'a': 1}" * 250_000)
TEXTS = {
    "zTXt": chunk(b"zTXt", b"workflow\0\0" + MUCH),
    "iTXt": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + MUCH),
    "iTXt in a language": chunk(b"iTXt", b"Comment\0\1\0de\0Kommentar\0" + MUCH),
    "profile": chunk(b"iCCP", b"icc\0\0" + MUCH),
    "plain": b"".join(chunk(b"tEXt", b"a\0" + bytes([65]) * 900_000) for _ in range(80)),
}


@pytest.mark.parametrize("is_behind", [False, True])
@pytest.mark.parametrize("name", TEXTS)
def test_much_text_is_left_out(name, is_behind):
    png = encoded(PILImage.fromarray(COLOURS), "PNG")
    place = len(png) - 12 if is_behind else 33
    assert np.array_equal(pixels_of(png[:place] + TEXTS[name] + png[place:]), COLOURS)


@pytest.mark.parametrize("background", [None, "white"])
def test_grey_of_16_bits_with_a_transparent_value_is_not_clipped(background):
    data = encoded(PILImage.fromarray(GREY * 150), "PNG", transparency=150)
    with pytest.raises(InputError, match=r"pixels of 0 to 36450, .*; scale them"):
        decode(Image(data, background=background))
    dark = decode(Image(encoded(PILImage.fromarray(GREY), "PNG", transparency=7), background=background))
    expected = GREY if background is None else np.where(GREY == 7, 255, GREY)
    assert np.array_equal(np.asarray(dark)[..., 0], expected)


def test_text_in_any_number_of_chunks_is_unpacked_to_a_limit(monkeypatch):
    png = encoded(PILImage.fromarray(COLOURS), "PNG")
    counted, count = [], png_texts._count_characters

    def counting(kind, body):
        counted.append(count(kind, body))
        return counted[-1]

    monkeypatch.setattr(png_texts, "_count_characters", counting)
    found = pixels_of(png[:33] + 200 * TEXTS["zTXt"] + png[33:])
    assert np.array_equal(found, COLOURS)
    assert sum(counted) <= PngImagePlugin.MAX_TEXT_MEMORY + 2 * PngImagePlugin.MAX_TEXT_CHUNK


def test_what_stands_between_large_texts_stays():
    large, small = TEXTS["zTXt"], chunk(b"tEXt", b"a\0b")
    png = encoded(PILImage.fromarray(COLOURS), "PNG")
    head, pixels = png[:33], png[33:-12]
    cut = head + large + small + large + large + small + pixels + large[:-9]
    assert png_texts.leave_out_large_texts(io.BytesIO(cut)).read() == head + small + small + pixels


def test_a_file_without_much_text_stays_as_it_is():
    png = encoded(PILImage.fromarray(COLOURS), "PNG")
    file = io.BytesIO(png[:33] + chunk(b"zTXt", b"a\0\0" + zlib.compress(b"words")) + png[33:])
    assert png_texts.leave_out_large_texts(file) is file
    assert file.tell() == 0


def test_much_text_does_not_hide_damage():
    png = encoded(PILImage.fromarray(COLOURS), "PNG")
    with pytest.raises(DecodeError):
        decode(Image(png[:33] + TEXTS["zTXt"] + png[33:-40]))


# ---- BMP ----


def bmp(masks, bits=16, *, header=108, is_upside_down=False):
    """Write colours in the bits of masks: red, green, blue and, if it is not 0, alpha."""
    values = np.zeros((HEIGHT, WIDTH), np.uint64)
    for mask, channel in zip(masks, [*np.moveaxis(COLOURS, -1, 0), np.full((HEIGHT, WIDTH), 255)], strict=True):
        shift = (mask & -mask).bit_length() - 1 if mask else 0
        values |= channel.astype(np.uint64) * np.uint64(mask >> shift) // np.uint64(255) << np.uint64(shift)
    rows = values.astype(f"<u{bits // 8}")
    body = (rows if is_upside_down else rows[::-1]).tobytes()
    height = -HEIGHT if is_upside_down else HEIGHT
    head = struct.pack("<IiiHHIIiiII", header, WIDTH, height, 1, bits, 3, len(body), 0, 0, 0, 0)
    rest = struct.pack("<4I", *masks)[: 12 if header in (40, 52) else 16].ljust(header - 40, b"\0")
    start = 14 + len(head + rest)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + rest + body


@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
@pytest.mark.parametrize("is_upside_down", [False, True])
@pytest.mark.parametrize("masks", [(0xF00, 0xF0, 0xF, 0xF000), (0xF00, 0xF0, 0xF, 0), (0xF, 0xF0, 0xF00, 0xF000)])
def test_channels_of_four_bits(masks, header, is_upside_down):
    found = pixels_of(bmp(masks, header=header, is_upside_down=is_upside_down))
    assert np.array_equal(found, (COLOURS.astype(int) * 15 // 255 * 17).astype(np.uint8))


def test_channels_of_ten_bits():
    found = pixels_of(bmp((0x3FF00000, 0xFFC00, 0x3FF, 0), 32))
    assert np.abs(found.astype(int) - COLOURS).max() <= 1


def test_bits_that_pillow_knows_are_read_by_it(monkeypatch):
    monkeypatch.setattr(image_files, "read_bitfields", None)
    assert decode(Image(bmp((0xF800, 0x7E0, 0x1F, 0)))).size == (WIDTH, HEIGHT)


def test_channels_of_four_bits_that_are_cut_are_damaged():
    with pytest.raises(DecodeError, match="cut short"):
        decode(Image(bmp((0xF00, 0xF0, 0xF, 0))[:-20]))


def test_a_huge_one_is_refused():
    data = bytearray(bmp((0xF00, 0xF0, 0xF, 0)))
    data[18:26] = struct.pack("<ii", 20_000, 20_000)
    with pytest.raises(InputError, match="over the limit of 89,478,485"):
        decode(Image(bytes(data)))


def test_other_compressions_are_not_supported():
    data = bytearray(encoded(PILImage.fromarray(COLOURS), "BMP"))
    data[30] = 4  # a JPEG inside
    with pytest.raises(UnsupportedMediaError, match="Unsupported BMP compression"):
        decode(Image(bytes(data)))


# ---- AVIF ----


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_constant_luminance_is_not_called_damaged():
    data = bytearray(encoded(PILImage.fromarray(COLOURS), "AVIF"))
    matrix = data.index(b"colrnclx") + 12
    data[matrix : matrix + 2] = (10).to_bytes(2, "big")
    with pytest.raises(UnsupportedMediaError, match=r"does not read .*; convert it to PNG"):
        decode(Image(bytes(data)))


# ---- ICO and JPEG 2000 ----


def icon(*pictures):
    """Write an icon of PNG and BMP pictures, the latter with a mask that shows everything."""
    bodies = []
    for size, kind in pictures:
        picture = PILImage.fromarray(COLOURS).resize(size)
        if kind == "PNG":
            bodies.append(encoded(picture, "PNG"))
            continue
        dib = bytearray(encoded(picture, "BMP")[14:])
        dib[8:12] = struct.pack("<i", 2 * size[1])
        bodies.append(bytes(dib) + bytes(-(-size[0] // 32) * 4 * size[1]))
    head, place = struct.pack("<HHH", 0, 1, len(bodies)), 6 + 16 * len(bodies)
    for (size, _), body in zip(pictures, bodies, strict=True):
        head += struct.pack("<BBBBHHII", *(side % 256 for side in size), 0, 0, 1, 24, len(body), place)
        place += len(body)
    return head + b"".join(bodies)


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_an_icon_gives_its_largest_picture(kind):
    data = icon(((16, 16), "BMP"), ((48, 32), kind), ((8, 8), "PNG"))
    assert np.array_equal(pixels_of(data), np.asarray(PILImage.fromarray(COLOURS).resize((48, 32))))
    assert find_grid(Image(data), VisionGeometry()) == VisionGeometry().image_grid(32, 48)


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_a_huge_picture_in_an_icon_is_refused_by_its_header(kind):
    data = bytearray(icon(((48, 32), kind)))
    if kind == "PNG":
        data[22 + 16 : 22 + 24] = struct.pack(">II", 9_460, 9_460)
        data[22 + 29 : 22 + 33] = struct.pack(">I", zlib.crc32(data[22 + 12 : 22 + 29]))
    else:
        data[22 + 4 : 22 + 12] = struct.pack("<ii", 9_460, 2 * 9_460)
    for function in (decode, lambda image: find_grid(image, VisionGeometry())):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(InputError, match="is too large to decode safely"):
                function(Image(bytes(data)))


def test_a_cut_icon_is_damaged():
    for kind in ("PNG", "BMP"):
        with pytest.raises(DecodeError):
            decode(Image(icon(((48, 32), kind))[:-100]))


@pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow has no JPEG 2000")
@pytest.mark.parametrize(
    "options", [{}, {"no_jp2": True}, {"tile_size": (16, 16)}], ids=["file", "codestream", "tiles"]
)
def test_lossless_jpeg_2000_is_exact(options):
    assert np.array_equal(pixels_of(encoded(PILImage.fromarray(COLOURS), "JPEG2000", **options)), COLOURS)


# ---- damaged, not supported, lacking ----


def test_a_type_without_a_decoder_names_a_way_to_convert_it():
    with pytest.raises(UnsupportedMediaError, match=r"image/jxl, which .* does not take; .*; convert it first.*magick"):
        decode(Image(b"\xff\x0a" + bytes(100)))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "there is not enough memory"),
        (OSError("out of memory error when reading image file"), "there is not enough memory"),
        (OSError(24, "Too many open files"), "no file descriptors left"),
        (RuntimeError("can't start new thread"), "no threads left"),
        (
            ImportError("libjpeg.so.62: cannot open shared object file"),
            r"can't be imported \(ImportError: libjpeg.so.62",
        ),
    ],
)
def test_what_the_process_lacks_is_not_damage(error, words, monkeypatch):
    def fail(*_args):
        raise error

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(InputError, match=words) as caught:
        decode(Image(encoded(PILImage.fromarray(COLOURS), "PNG")))
    assert not isinstance(caught.value, (DecodeError, UnsupportedMediaError))
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "PPM"])
@pytest.mark.parametrize("way", ["close", "with", "its file"])
def test_a_closed_pil_image_is_called_closed(kind, way, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(encoded(PILImage.fromarray(COLOURS), kind))
    if way == "its file":
        with path.open("rb") as file:
            opened = PILImage.open(file)
    else:
        with PILImage.open(path) as opened:
            pass
        if way == "close":
            opened.close()
    with pytest.raises(InputError, match="is a PIL image that was closed") as caught:
        decode(Image(opened))
    assert not isinstance(caught.value, DecodeError)


def test_a_pil_image_that_was_read_before_it_was_closed_is_taken(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(PILImage.fromarray(COLOURS), "PNG"))
    with PILImage.open(path) as opened:
        opened.load()
    assert np.array_equal(np.asarray(decode(Image(opened))), COLOURS)


def test_the_tags_that_are_read_are_those_of_pillow():
    assert TiffImagePlugin.COMPRESSION == image_files._COMPRESSION
    assert PIL.TiffTags.lookup(262).name == "PhotometricInterpretation"
