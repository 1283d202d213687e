"""MUSIC-Synthetic as it was published: 2×2 scenes, two of four instruments sounding.

test1/video/0001.jpg    the scene                                    any folder with `video` and `audio` in it will do;
test1/audio/0001.pkl    (201, 64) log-mel spectrogram, pickled       one whose path holds "train" is the split train,
test1/box/0001.npy      rows x, y, width, height, category id        any other the split test

There is no waveform. The store holds the spectrogram instead; `Store.sound` gives it to the networks. Boxes are
of the instruments that sound, in fractions, and the ids are those of the other official boxes.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from dsol.data.boxes import Boxes, Frame
from dsol.data.clip import SAMPLE_RATE
from dsol.data.corpora import Corpus, VideoEntry
from dsol.data.corpora.annotations import MUSIC_IDS, official_box
from dsol.data.corpora.music import CATEGORIES
from dsol.data.corpora.plain_pickle import load_array
from dsol.data.levels import BANDS, STEPS
from dsol.data.media import Second, read_photo
from dsol.data.store.shards import LOG_MEL, encode_log_mel
from dsol.errors import MALFORMED, DsolError, explained
from dsol.text import name_of

NOTE = ("there are log-mel spectrograms of these scenes only: no waveforms to listen to, to mix or to show; and which "
        "videos they were made of is not told: intervals draw scenes and are too narrow")  # fmt: skip
REMEDY = "fetch the set again; see docs/data.md"


def read(folder: Path) -> Corpus:
    """The scenes that are there with picture and sound.

    Raises:
        DsolError: none, or a broken file of boxes.
    """
    pictures = sorted(p for p in folder.rglob("video/*.jpg") if (p.parents[1] / "audio").is_dir())
    videos, skipped, frames = [], {}, []
    for picture in pictures:
        name = name_of(picture.relative_to(folder).as_posix())
        sound = picture.parents[1] / "audio" / f"{picture.stem}.pkl"
        if not sound.is_file():
            skipped[name] = f"has no audio/{sound.name}"
            continue
        videos.append(VideoEntry(picture, name, None, _split(name), sound))
        frames += _boxes(picture.parents[1] / "box" / f"{picture.stem}.npy", name)
    if not videos:
        raise DsolError(folder, "has no scenes in it", "give the folder that video/, audio/ and box/ lie in")
    return Corpus(
        tuple(videos), Boxes(CATEGORIES, tuple(frames)), read_scene, skipped=skipped, note=NOTE, composed=True
    )


def _split(name: str) -> str:
    return "train" if any("train" in part for part in PurePosixPath(name).parts[:-2]) else "test"


def _boxes(file: Path, name: str) -> list[Frame]:
    """The frame of a scene, under its official key, the file's name; none where it is not annotated."""
    if not file.is_file():
        return []
    with explained(
        file, "is no array of boxes: {}", "fetch the set again; see docs/data.md", OSError, EOFError, *MALFORMED
    ):
        rows = np.load(file, allow_pickle=False).astype(float).reshape(-1, 5).tolist()
    boxes = (official_box(MUSIC_IDS, int(number), xywh, file, file.stem) for *xywh, number in rows)
    return [Frame(name, 0.0, tuple(boxes), file.stem)]


def read_scene(path: Path, size: tuple[int, int], sound: Path) -> Iterator[Second]:
    """One scene as a second without waveform. Raises DsolError where picture or sound is broken."""
    log_mel = load_array(sound)
    if log_mel.shape != (STEPS, BANDS) or not np.isfinite(log_mel).all():
        raise DsolError(sound, f"has shape {log_mel.shape}, or holds NaN", f"({STEPS}, {BANDS}) is wanted")
    picture = read_photo(path, size)
    silence = np.zeros(SAMPLE_RATE, np.float32)
    yield Second(0, picture[None], np.zeros(1), silence, {LOG_MEL: encode_log_mel(log_mel)})
