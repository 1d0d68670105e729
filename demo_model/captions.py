"""Captions of scenes, in varied words, and which scenes are kept from training."""

from __future__ import annotations

import itertools
from dataclasses import asdict, fields

import numpy as np

from jina_omni.demo.scenes import (
    COLOURS,
    CONTOURS,
    MOTIONS,
    PACES,
    PITCHES,
    PLACES,
    SHAPES,
    TEMPOS,
    TIMBRES,
    Clip,
    Picture,
    Sound,
)

Scene = Picture | Clip | Sound
KINDS = (Picture, Clip, Sound)

N_HELD_OUT = 100
"""Scenes of each kind that are never drawn, played or described in training."""

PICTURES = [Picture(*one) for one in itertools.product(SHAPES, COLOURS, (1, 2, 3), PLACES)]
CLIPS = [Clip(*one) for one in itertools.product(SHAPES, COLOURS, MOTIONS, PACES)]
SOUNDS = [Sound(*one) for one in itertools.product(TIMBRES, CONTOURS, PITCHES, (1, 2, 3, 4), TEMPOS)]
ALL = {Picture: PICTURES, Clip: CLIPS, Sound: SOUNDS}

# Attributes of all kinds together; the same shape in a picture and in a clip is one value.
VALUES = {
    "kind": ("Picture", "Clip", "Sound"),
    "shape": SHAPES,
    "colour": tuple(COLOURS),
    "count": (1, 2, 3, 4),
    "place": PLACES,
    "motion": MOTIONS,
    "pace": PACES,
    "timbre": TIMBRES,
    "contour": CONTOURS,
    "pitch": tuple(PITCHES),
    "tempo": TEMPOS,
}

_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet"),
    "orange": ("orange",),
    "yellow": ("yellow", "golden"),
    "green": ("green",),
    "blue": ("blue",),
    "purple": ("purple", "violet"),
    "pink": ("pink", "rose"),
    "black": ("black",),
    "circle": ("circle", "disc", "dot"),
    "square": ("square", "box"),
    "triangle": ("triangle",),
    "star": ("star",),
    "cross": ("cross", "plus sign"),
    "ring": ("ring", "hoop"),
    "": ("shape", "thing", "object"),
}
_NUMBERS = {1: ("one", "a single", "a"), 2: ("two", "a pair of", "2"), 3: ("three", "3"), 4: ("four", "4")}
_PLACE_WORDS = {
    "left": ("on the left", "at the left side", "in the left half"),
    "right": ("on the right", "at the right side", "in the right half"),
    "top": ("at the top", "in the upper half", "above"),
    "bottom": ("at the bottom", "in the lower half", "below"),
}
_MOTION_WORDS = {
    "left": ("moving left", "that moves left", "going to the left", "moving to the left", "sliding left"),
    "right": ("moving right", "that moves right", "going to the right", "moving to the right", "sliding right"),
    "up": ("moving up", "that moves up", "rising", "going upwards", "moving upward"),
    "down": ("moving down", "that moves down", "falling", "going downwards", "sinking"),
    "growing": ("growing", "that grows", "getting bigger", "getting larger"),
    "shrinking": ("shrinking", "that shrinks", "getting smaller"),
}
_PACE_WORDS = {"slow": ("slowly", "at a slow pace", "gently"), "fast": ("quickly", "fast", "rapidly")}
_PITCH_WORDS = {
    "low": ("low", "deep", "low-pitched"),
    "middle": ("middle", "medium", "mid-range"),
    "high": ("high", "high-pitched"),
    "very high": ("very high", "shrill", "piercing"),
}
_TEMPO_WORDS = {
    "slow": ("one after another, slowly", "in slow succession"),
    "fast": ("in quick succession", "in a hurry"),
}
_CONTOUR_WORDS = {
    "steady": ("steady", "constant", "flat"),
    "rising": ("rising", "ascending", "going up"),
    "falling": ("falling", "descending", "going down"),
    "wobbling": ("wobbling", "trembling", "warbling"),
}
_TIMBRE_WORDS = {
    "tone": (("tone", "tones"), ("beep", "beeps"), ("whistle", "whistles")),
    "buzz": (("buzz", "buzzes"), ("buzzing note", "buzzing notes"), ("harsh note", "harsh notes")),
    "noise": (("noise", "noises"), ("hiss", "hisses"), ("burst of noise", "bursts of noise")),
    "": (("sound", "sounds"),),
}


def attributes(scene: Scene) -> dict[str, int]:
    """Return the place of each of a scene's attributes in `VALUES`; what a kind lacks is left out, a clip shows one."""
    values = {"kind": type(scene).__name__, **asdict(scene)}
    if isinstance(scene, Clip):
        values["count"] = 1
    return {name: VALUES[name].index(value) for name, value in values.items()}


def held_out(kind: type[Scene]) -> list[Scene]:
    """Return the scenes of a kind that are kept from training."""
    return _split(kind)[0]


def trained(kind: type[Scene]) -> list[Scene]:
    """Return all others."""
    return _split(kind)[1]


def caption(scene: Scene, rng: np.random.Generator, drop: float = 0.0) -> tuple[str, set[str]]:
    """Return a caption and the names of the attributes that it states.

    Parameters
    ----------
    drop
        Probability of each attribute to be left out, half as large for the shape or timbre.
    """
    names = [one.name for one in fields(scene)]
    stated = {name for name in names if rng.random() >= (drop / 2 if name in ("shape", "timbre") else drop)}
    write = {Picture: _of_picture, Clip: _of_clip, Sound: _of_sound}[type(scene)]
    text, says_kind, says_count = write(scene, stated, rng)
    if says_kind:
        stated.add("kind")
    if says_count:
        stated.add("count")
    else:
        stated.discard("count")
    return text, stated


def _split(kind: type[Scene]) -> tuple[list[Scene], list[Scene]]:
    scenes = ALL[kind]
    order = np.random.default_rng(KINDS.index(kind)).permutation(len(scenes))
    return [scenes[i] for i in order[:N_HELD_OUT]], [scenes[i] for i in order[N_HELD_OUT:]]


def _one(words: tuple, rng: np.random.Generator):
    return words[rng.integers(len(words))]


def _noun(word: str, count: int) -> str:
    if count == 1:
        return word
    return {"box": "boxes", "cross": "crosses"}.get(word, word + "s")


def _things(scene: Picture | Clip, stated: set[str], count: int, rng: np.random.Generator, *, numbered: bool) -> str:
    """Return such as "two red boxes", or without the number."""
    noun = _noun(_one(_WORDS[scene.shape if "shape" in stated else ""], rng), count)
    if "colour" in stated:
        word = _one(_WORDS[scene.colour], rng)
        noun = f"{noun} in {word}" if rng.random() < 0.15 else f"{word} {noun}"
    if not numbered:
        return noun
    number = _one(_NUMBERS[count], rng)
    return f"{'an' if number == 'a' and noun[0] in 'aeiou' else number} {noun}"


def _of_picture(scene: Picture, stated: set[str], rng: np.random.Generator) -> tuple[str, bool, bool]:
    numbered = "count" in stated
    things = _things(scene, stated, scene.count, rng, numbered=numbered)
    place = _one(_PLACE_WORDS[scene.place], rng) if "place" in stated else ""
    start = _one(("", "", "", "a picture of ", "an image of ", "a drawing of "), rng)
    if not place:
        return start + things, bool(start), numbered
    kind = rng.random()
    if kind < 0.3 and place not in ("above", "below"):
        verb = _one(("", "there is " if scene.count == 1 else "there are "), rng)
        return f"{place}, {verb}{things}" if not verb else f"{place} {verb}{things}", True, numbered
    if kind < 0.4:
        return f"{start}{things}, placed {place}", True, numbered
    return f"{start}{things} {place}", True, numbered


def _of_clip(scene: Clip, stated: set[str], rng: np.random.Generator) -> tuple[str, bool, bool]:
    thing = _things(scene, stated, 1, rng, numbered=True)
    pace = _one(_PACE_WORDS[scene.pace], rng) if "pace" in stated else ""
    start = _one(("", "", "", "a video of ", "a clip of "), rng)
    if "motion" not in stated:
        stated.discard("pace")
        return start + thing, bool(start), True
    motion = _one(_MOTION_WORDS[scene.motion], rng)
    kind = rng.random()
    if not pace:
        return f"{start}{thing} {motion}", True, True
    if kind < 0.25 and " " not in pace and not motion.startswith("that"):
        return f"{start}{thing} {pace} {motion}", True, True
    if kind < 0.4 and not motion.startswith("that"):
        return f"{motion} {pace}: {thing}", True, True
    return f"{start}{thing} {motion} {pace}", True, True


def _of_sound(scene: Sound, stated: set[str], rng: np.random.Generator) -> tuple[str, bool, bool]:
    count = scene.count if "count" in stated else None
    noun = _one(_TIMBRE_WORDS[scene.timbre if "timbre" in stated else ""], rng)[0 if scene.count == 1 else 1]
    words = []
    if "contour" in stated:
        words.append(_one(_CONTOUR_WORDS[scene.contour], rng))
    if "pitch" in stated:
        words.append(_one(_PITCH_WORDS[scene.pitch], rng))
    # What comes before the noun, in any order; "going up" comes behind it.
    rng.shuffle(words)
    behind = [word for word in words if word.startswith("going")]
    before = [word for word in words if word not in behind]
    tempo = ""
    if "tempo" in stated:
        if count is None:
            stated.discard("tempo")
        elif count == 1:
            before.insert(0, _one({"slow": ("long", "lasting"), "fast": ("short", "brief")}[scene.tempo], rng))
        elif rng.random() < 0.5:
            before.insert(0, _one({"slow": ("slow",), "fast": ("fast", "quick", "rapid")}[scene.tempo], rng))
        else:
            tempo = " " + _one(_TEMPO_WORDS[scene.tempo], rng)
    if count is None:
        number = ""
    else:
        number = _one(_NUMBERS[count], rng) + " "
        if number == "a " and [*before, noun][0][0] in "aeiou":
            number = "an "
    start = _one(("", "", "", "the sound of ", "a recording of "), rng)
    text = f"{start}{number}{' '.join([*before, noun, *behind])}{tempo}"
    return text, True, count is not None
