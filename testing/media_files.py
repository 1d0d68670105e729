"""Files of pictures, sounds, films and pages, written by real encoders: what several tests read."""

from __future__ import annotations

import functools
import io
import itertools
import math
from fractions import Fraction

import av
import numpy as np
import soundfile
import soxr
from PIL import Image as PILImage
from pillow_heif import from_pillow

ENDINGS = (
    *("jpg", "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff", "avif", "heic", "svg", "ico", "jp2"),
    *("mp4", "avi", "mov", "mkv", "webm", "flv", "wmv", "ogv", "mpg", "ts", "m2v"),
    *("wav", "mp3", "flac", "ogg", "m4a", "opus"),
    "pdf",
)
"""Every type that the README lists."""

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="12"><rect width="5" height="5"/></svg>'

PICTURES = {  # Pillow's name, and options
    "jpg": ("JPEG", {}),
    "jpeg": ("JPEG", {"progressive": True}),
    "tif": ("TIFF", {"compression": "tiff_lzw"}),
    "ico": ("ICO", {"sizes": [(9, 12)]}),
    "jp2": ("JPEG2000", {}),
}
CODECS = {  # container and codec
    "mp4": ("mp4", "mpeg4"),
    "avi": ("avi", "mpeg4"),
    "mov": ("mov", "mpeg4"),
    "mkv": ("matroska", "mpeg4"),
    "webm": ("webm", "libvpx"),
    "flv": ("flv", "flv1"),
    "wmv": ("asf", "wmv2"),
    "ogv": ("ogg", "libvpx"),
    "mpg": ("mpeg", "mpeg2video"),
    "ts": ("mpegts", "mpeg2video"),
    "m2v": ("mpeg2video", "mpeg2video"),
    "m4a": ("ipod", "aac"),
    "aac": ("adts", "aac"),
    "opus": ("ogg", "libopus"),
}
SOUNDS = {"wav": "WAV", "rf64": "RF64", "mp3": "MP3", "flac": "FLAC", "ogg": "OGG"}

RATE = 44_100


def encoded(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def noise(n=4800):
    """Return samples of 16 bits, as floats."""
    return (np.random.default_rng(0).integers(-9000, 9000, n) / 32768).astype(np.float32)


def muxed(container, codec):
    file = io.BytesIO()
    with av.open(file, "w", container) as output:
        if av.codec.Codec(codec, "w").type == "video":
            stream = output.add_stream(codec, rate=25, width=32, height=32, pix_fmt="yuv420p")
            frames = [av.VideoFrame.from_ndarray(np.full((32, 32, 3), 60 * i, np.uint8)) for i in range(3)]
        else:
            stream = output.add_stream(codec, rate=48_000, layout="mono")
            blocks = noise().reshape(5, 1, 960)
            frames = [av.AudioFrame.from_ndarray(block, "fltp", "mono") for block in blocks]
            for i, frame in enumerate(frames):
                frame.sample_rate, frame.pts = 48_000, 960 * i
        for frame in [*frames, None]:
            output.mux(stream.encode(frame))
    return file.getvalue()


@functools.cache
def media_file(kind):
    """Return the smallest file of a kind: of `ENDINGS`, ``aac`` or ``rf64``."""
    file = io.BytesIO()
    picture = PILImage.fromarray(np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8))
    if kind == "svg":
        return SVG.encode()
    if kind in CODECS:
        return muxed(*CODECS[kind])
    if kind in SOUNDS:
        soundfile.write(file, noise(), 48_000, format=SOUNDS[kind])
    elif kind == "heic":
        from_pillow(picture).save(file)
    else:
        name, options = PICTURES.get(kind, (kind, {}))
        picture.save(file, name, **options)
    return file.getvalue()


def sound_file(samples, rate=RATE, kind="WAV", subtype="PCM_16"):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def signal(seconds, rate=RATE, channels=2, bits=16, seed=0):
    """Return tones that change, and some noise, in steps that `bits` hold; the channels differ."""
    n = round(seconds * rate)
    t = np.arange(n)[:, np.newaxis] / rate
    pitch = 200 + 150 * np.arange(1, channels + 1)
    tones = 0.4 * np.sin(2 * np.pi * (pitch + 300 * t) * t) * (0.6 + 0.4 * np.sin(9 * t))
    noise = np.random.default_rng(seed).integers(-1000, 1000, (n, channels)) / 100_000
    step = 1 << (bits - 1)
    return (np.round((tones + noise) * step) / step).astype(np.float32)


def as_librosa(samples, rate):
    """Write down the way of librosa: average, resample, and the length that it fixes."""
    mono = np.asarray(samples, np.float32).reshape(len(samples), -1).mean(1)
    if rate != 16_000:
        resampled = soxr.resample(mono, rate, 16_000, quality="soxr_hq")
        mono = np.zeros(int(np.ceil(len(mono) * (16_000 / rate))), np.float32)
        n = min(len(mono), len(resampled))
        mono[:n] = resampled[:n]
    return mono


def sound_container(samples, kind, codec, rate=RATE, options=None, *, picture=False):
    """Return a file by PyAV, with a few pictures if asked for."""
    file = io.BytesIO()
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[samples.shape[1]]
    with av.open(file, "w", format=kind, options=options or {}) as out:
        if picture:
            video = out.add_stream("mpeg4", rate=10, width=32, height=32, pix_fmt="yuv420p")
        sound = out.add_stream(codec, rate=rate, layout=layout)
        sound.bit_rate = 128_000
        if picture:
            for packet in [*video.encode(av.VideoFrame(32, 32, "yuv420p")), *video.encode(None)]:
                out.mux(packet)
        sound.codec_context.open(strict=False)  # a muxer may have opened it
        size = sound.codec_context.frame_size or 1024
        for start in range(0, len(samples), size):
            plane = np.ascontiguousarray(samples[start : start + size]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(plane, format="flt", layout=layout)
            frame.sample_rate, frame.pts = rate, start
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return file.getvalue()


def video_file(
    frames,
    container="mp4",
    codec="mpeg4",
    *,
    rate=30,
    pts=None,
    options=None,
    container_options=None,
    sound=False,
    sound_frames=math.inf,
    pix_fmt="yuv420p",
    gap=lambda _: 0,
):
    """Encode frames; `pts` are milliseconds, `gap` moves a packet by so many frames.

    A sound has 533 samples for each frame, the first of which may be the only ones with sound.
    """
    file = io.BytesIO()
    frames = iter(frames)
    first = next(frames)
    with av.open(file, "w", format=container, container_options=container_options or {}) as output:
        stream = output.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = pix_fmt
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=none", **(options or {})}
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        audio = output.add_stream("pcm_s16le", rate=16_000, layout="mono") if sound else None
        for i, pixels_ in enumerate(itertools.chain([first], frames, [None])):
            frame = None
            if pixels_ is not None:
                frame = av.VideoFrame.from_ndarray(pixels_, "rgb24")
                if pts is not None:
                    frame.pts, frame.time_base = pts[i], Fraction(1, 1000)
            for packet in stream.encode(frame):
                shift = gap(packet.pts)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                output.mux(packet)
            if audio is not None and frame is not None and i < sound_frames:
                block = noise_block(i)
                output.mux(audio.encode(block))
    return file.getvalue()


def noise_block(i, samples=533):
    values = np.random.default_rng(i).integers(-9000, 9000, (1, samples), dtype=np.int16)
    block = av.AudioFrame.from_ndarray(values, "s16", "mono")
    block.sample_rate, block.pts, block.time_base = 16_000, i * samples, Fraction(1, 16_000)
    return block


def track_file(container, codec):
    """Encode sound alone in a container of films."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=16_000, layout="mono")
        for i in range(20):
            output.mux(stream.encode(noise_block(i)))
        output.mux(stream.encode(None))
    return file.getvalue()


def remuxed(data, container, from_keyframe):
    """Cut a stream at a keyframe without encoding it again."""
    file, keyframes = io.BytesIO(), 0
    with av.open(io.BytesIO(data)) as source, av.open(file, "w", format=container) as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            keyframes += packet.is_keyframe
            if packet.dts is not None and keyframes >= from_keyframe:
                packet.stream = stream
                output.mux(packet)
    return file.getvalue()


def looped(data, times):
    """Return a Matroska film that shows another one so many times, without encoding it again."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        for i in range(times):
            with av.open(io.BytesIO(data)) as source:
                if i == 0:
                    stream = output.add_stream_from_template(source.streams.video[0])
                unit = source.streams.video[0].time_base
                shift = round(i * source.streams.video[0].frames / source.streams.video[0].average_rate / unit)
                for packet in source.demux(video=0):
                    if packet.dts is not None:
                        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                        output.mux(packet)
    return file.getvalue()
