# SPDX-License-Identifier: Apache-2.0
"""The tables of MP4 and QuickTime: what counts more samples than there are bytes, rightly or not."""

import io
import struct

import numpy as np
import pytest

from jina_omni.errors import DecodeError
from jina_omni.media.audio import Audio, read_samples
from jina_omni.media.sample_tables import check_samples
from testing.media_files import signal, sound_container, video_file

PER_PACKET = 64  # samples, in 34 bytes: QuickTime's IMA ADPCM


def entries(data, name, first, size):
    """Return where the entries of a table are; their number comes before the first."""
    table = data.index(name)
    (count,) = struct.unpack_from(">I", data, table + first - 4)
    return range(table + first, table + first + count * size, size)


def counting_samples(data):
    """Rewrite the tables of a sound from packets to samples, as QuickTime writes them."""
    data = bytearray(data)
    sizes = data.index(b"stsz")
    (n_packets,) = struct.unpack_from(">I", data, sizes + 12)
    struct.pack_into(">II", data, sizes + 8, 1, n_packets * PER_PACKET)
    for at in entries(data, b"stts", 12, 8):
        count, duration = struct.unpack_from(">II", data, at)
        struct.pack_into(">II", data, at, count * duration, 1)
    for at in entries(data, b"stsc", 12, 12):
        (count,) = struct.unpack_from(">I", data, at + 4)
        struct.pack_into(">I", data, at + 4, count * PER_PACKET)
    return bytes(data)


@pytest.fixture(scope="module")
def packets():
    return sound_container(signal(2, 16_000, 1), "mov", "adpcm_ima_qt", 16_000)


def test_a_sound_that_counts_its_samples_is_that_which_counts_its_packets(packets):
    counted = counting_samples(packets)
    assert struct.unpack_from(">I", counted, counted.index(b"stsz") + 12)[0] > len(counted)
    check_samples(io.BytesIO(counted))
    assert np.array_equal(read_samples(Audio(counted)), read_samples(Audio(packets)))


def test_an_ordinary_film_passes():
    check_samples(io.BytesIO(video_file([np.zeros((32, 32, 3), np.uint8)] * 3, "mov", sound=True)))


def lying(data, name, offset, value):
    data = bytearray(data)
    struct.pack_into(">I", data, data.index(name) + offset, value)
    return bytes(data)


@pytest.mark.parametrize(
    "change",
    [
        (b"soun", 0, int.from_bytes(b"vide", "big")),  # so FFmpeg makes an entry of each sample
        (b"stts", 16, 2),  # and of samples that last two units
        (b"stts", 8, 2),
        (b"stsc", 16, 1 << 31),  # a chunk of billions of samples
    ],
    ids=("of pictures", "of another unit", "of two lengths", "of large chunks"),
)
def test_tables_that_make_ffmpeg_take_much_memory_are_refused(change, packets):
    with pytest.raises(DecodeError, match=r"announces [\d,]+ samples in [\d,]+ bytes"):
        check_samples(io.BytesIO(lying(counting_samples(packets), *change)))
