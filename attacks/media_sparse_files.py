"""Files of 2 GiB that begin as a picture, sound, film or page and hold nothing else.

A vector, or an error; nothing reads them whole.
"""

from stage import expect_vector_or_error, write_file

from testing.media_files import media_file

for kind in ("webp", "avif", "heic", "svg", "png", "jpg", "gif", "tif", "wav", "flac", "mp4", "mkv"):
    path = write_file(f"sparse.{kind}", media_file(kind))
    with path.open("r+b") as file:
        file.truncate(2 << 30)
    expect_vector_or_error(path)
    path.unlink()
