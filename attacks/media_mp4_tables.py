"""An MP4 of a kilobyte whose tables announce a billion samples, or hundreds of thousands of edits.

DecodeError, before FFmpeg makes an entry of each.
"""

import struct

from stage import expect_error

import jina_omni
from testing.media_files import media_file

film = media_file("mp4")
table = film.index(b"stsz") + 4
for size in (1, 1 << 20):
    lying = film[:table] + struct.pack(">III", 0, size, 1_000_000_000) + film[table + 12 :]
    expect_error(jina_omni.Video(lying), jina_omni.DecodeError, "announces 1,000,000,000 samples in")
    expect_error(jina_omni.Audio(lying), jina_omni.DecodeError, "announces 1,000,000,000 samples in")
edits = struct.pack(">II", 0, 400_000) + struct.pack(">IIHH", 3, 0, 1, 0) * 400_000
place = film.index(b"elst") - 4
size = struct.unpack_from(">I", film, place)[0]
longer = film[:place] + struct.pack(">I", 8 + len(edits)) + b"elst" + edits + film[place + size :]
for name in (b"edts", b"trak", b"moov"):
    at = longer.index(name) - 4
    grown = struct.unpack_from(">I", longer, at)[0] + 8 + len(edits) - size
    longer = longer[:at] + struct.pack(">I", grown) + longer[at + 4 :]
expect_error(jina_omni.Video(longer), jina_omni.DecodeError, "has an edit list of 400,000 edits")
