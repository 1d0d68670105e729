"""A WAV of 2^32 samples, of 65,535 channels, of rate 0; a FLAC of 2^36 samples.

An error, or what is there, without the memory that the header claims.
"""

import struct

from stage import expect_vector_or_error

import jina_omni
from testing.media_files import media_file


def wav(channels: int, rate: int, size: int = (1 << 32) - 1) -> jina_omni.Audio:
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2 % (1 << 32), channels * 2 % (1 << 16), 16)
    head = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + form + b"data" + struct.pack("<I", size)
    return jina_omni.Audio(head + bytes(9000))


for channels, rate in ((1, 16_000), (65_535, 16_000), (0, 16_000), (2, 0), (2, (1 << 32) - 1), (1024, 768_000)):
    expect_vector_or_error(wav(channels, rate))
    expect_vector_or_error(wav(channels, rate), truncate=True)
flac = bytearray(media_file("flac"))
flac[21:26] = b"\xff" * 5  # the count of samples, ISO: METADATA_BLOCK_STREAMINFO
expect_vector_or_error(jina_omni.Audio(bytes(flac)))
expect_vector_or_error(jina_omni.Audio(bytes(flac)), truncate=True)
expect_vector_or_error(jina_omni.Audio(b"ID3\4\0\0\x7f\x7f\x7f\x7f" + media_file("mp3")))
