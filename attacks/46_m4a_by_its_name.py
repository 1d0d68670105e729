"""A sound in a film's container, and a film named like a sound (sent to the wrong decoder).

The kind comes from the bytes, whatever the name.
"""

from stage import embeds, written

import jina_omni
from testing.media_files import media_file

sound, film = media_file("m4a"), media_file("mp4")
embeds(written("film.mp4", sound), like=jina_omni.Audio(sound))
embeds(written("sound.m4a", film), like=jina_omni.Video(film))
embeds(written("text.txt", media_file("png")), like=jina_omni.Image(media_file("png")))
