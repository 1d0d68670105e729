"""A film whose header, or whose stream halfway, claims frames of gigapixels.

An error, or a vector of what is there.
"""

import struct

from stage import expect_vector_or_error

import jina_omni
from testing.media_files import media_file

film = media_file("mp4")
entry = film.index(b"mp4v") + 28  # width and height of the sample entry, ISO 14496-12, 12.1.3
for width, height in ((65_535, 65_535), (16_384, 16_384), (0, 0), (1, 65_535)):
    expect_vector_or_error(jina_omni.Video(film[:entry] + struct.pack(">HH", width, height) + film[entry + 4 :]))
expect_vector_or_error(jina_omni.Video(media_file("mp4"), fps=1e300, max_frames=10**30))
expect_vector_or_error(jina_omni.Video(media_file("mp4"), fps=5e-324))
expect_vector_or_error(jina_omni.Video(media_file("mp4"), timestamps=[1e308, -1e308]))
