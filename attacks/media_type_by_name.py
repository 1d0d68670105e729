"""A sound in a film's container, and a film named like a sound (sent to the wrong decoder).

The media type comes from the bytes, whatever the name.
"""

from stage import expect_vector, write_file

import jina_omni
from testing.media_files import media_file

sound, film = media_file("m4a"), media_file("mp4")
expect_vector(write_file("film.mp4", sound), like=jina_omni.Audio(sound))
expect_vector(write_file("sound.m4a", film), like=jina_omni.Video(film))
expect_vector(write_file("text.txt", media_file("png")), like=jina_omni.Image(media_file("png")))
