"""A folder of files of every kind that the toy model knows, with copies, near-duplicates and long media."""

from __future__ import annotations

import shutil

import numpy as np
import soundfile
from PIL import Image as PILImage

from jina_omni.demo.scenes import COLOURS, SAMPLING_RATE, SHAPES, Clip, Picture, Sound
from testing.media_files import video_file

RATE = 5
"""Frames of a film in a second."""

SOUNDS = {
    "low buzzes": Sound("buzz", "steady", "low", 3, "fast"),
    "high whistle": Sound("tone", "rising", "high", 1, "slow"),
    "bursts of noise": Sound("noise", "falling", "middle", 2, "slow"),
    "wobbling tone": Sound("tone", "wobbling", "middle", 1, "slow"),
    "falling buzz": Sound("buzz", "falling", "middle", 1, "slow"),
}
CLIPS = {
    "purple square": Clip("square", "purple", "right", "fast"),
    "yellow ring": Clip("ring", "yellow", "shrinking", "slow"),
    "red star": Clip("star", "red", "up", "slow"),
    "blue circle": Clip("circle", "blue", "growing", "fast"),
}
TEXTS = (
    "three red stars on the left",
    "two green triangles at the top",
    "a picture of a blue circle at the bottom",
    "three low buzzes in quick succession",
    "a long rising high whistle",
    "a purple square moving quickly to the right",
    "a yellow ring that shrinks slowly",
    "a note about nothing of this world: the rent is due on Friday",
)
LONG_SOUND = ("low buzzes", "high whistle", "bursts of noise")
"""What is in the first 30 seconds of the long sound, in the next 30, and in its last 10."""
LONG_FILM = ("purple square", "yellow ring")
"""What is in the first 30 seconds of the long film, and in its last 10."""


def write_toy_folder(folder, *, n_pictures=40):
    """Write the files; films in VP8, which every browser plays."""
    rng = np.random.default_rng(0)
    for name in ("pictures/more", "sounds", "films", "notes", "papers"):
        (folder / name).mkdir(parents=True)
    pictures = [
        Picture(shape, colour, 1 + (i + j) % 3, ("left", "right", "top", "bottom")[(i + 2 * j) % 4])
        for j, colour in enumerate(COLOURS)
        for i, shape in enumerate(SHAPES)
    ]
    for picture in [Picture("star", "red", 3, "left"), *rng.permutation(np.array(pictures, object))[: n_pictures - 1]]:
        name = f"{picture.count} {picture.colour} {picture.shape} {picture.place}"
        picture.draw(rng).save(folder / f"pictures/{name}.png")
    first = folder / "pictures/3 red star left.png"
    shutil.copy(first, folder / "pictures/more/3 red star left (copy).png")
    shutil.copy(first, folder / "papers/star.png")
    PILImage.open(first).resize((200, 200)).save(folder / "pictures/more/smaller star.jpg", quality=80)
    for name, sound in SOUNDS.items():
        for i in range(2):
            soundfile.write(folder / f"sounds/{name} {i + 1}.wav", sound.play(rng), SAMPLING_RATE)
    parts = [np.tile(SOUNDS[name].play(rng), n) for name, n in zip(LONG_SOUND, (15, 15, 5), strict=True)]
    soundfile.write(folder / "sounds/long recording.wav", np.concatenate(parts), SAMPLING_RATE)
    times = np.arange(0, 2, 1 / RATE)
    for name, clip in CLIPS.items():
        (folder / f"films/{name}.webm").write_bytes(encode(clip.film(rng, times)))
    parts = [np.tile(CLIPS[name].film(rng, times), (n, 1, 1, 1)) for name, n in zip(LONG_FILM, (15, 5), strict=True)]
    (folder / "films/long film.webm").write_bytes(encode(np.concatenate(parts)))
    for i, text in enumerate(TEXTS):
        (folder / f"notes/note {i + 1}.txt").write_text(text)
    pages = [picture.draw(rng, (300, 400)) for picture in (pictures[0], pictures[9], pictures[20])]
    pages[0].save(folder / "papers/shapes.pdf", save_all=True, append_images=pages[1:])


def encode(frames):
    return video_file(frames, "webm", "libvpx", rate=RATE, options={"deadline": "realtime", "cpu-used": "8"})
