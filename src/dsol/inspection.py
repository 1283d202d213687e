"""Contents of a store, model, video or boxes file, validated: every clip of a store is read."""

import json
import tarfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from dsol.config import SHIPPED, Config
from dsol.data.boxes import Boxes
from dsol.data.clip import SAMPLE_RATE
from dsol.data.levels import rms
from dsol.data.store import Store
from dsol.data.store.shards import checksum, decode_jpeg, shard_name
from dsol.errors import DsolError, explained
from dsol.files import partial_of
from dsol.model.onnx_file import is_onnx, open_onnx
from dsol.old_options import from_version_1
from dsol.progress import track
from dsol.text import name_of

MODEL, FIRST = "model.safetensors", "stage_one.safetensors"  # of a run
TOP = 12  # entries of a long list that are printed
KINDS = "a store, a video, a boxes.json, a .safetensors or .onnx model, a run folder or a shipped model"


def inspect(path: str | Path, audio_track: int | None = None) -> dict[str, Any]:
    """Describe and validate a store, boxes.json, video, model file or run folder.

    Args:
        path: what to inspect.
        audio_track: of a video: which sound track to read, counted from 1.

    Returns:
        Its contents, JSON; "kind" says what it is.

    Raises:
        DsolError: nothing of ours, or damaged: says where and what.

    Example:
        >>> inspect("store")["clips"]
        40
    """
    path = Path(path)
    if audio_track is not None and (path.is_dir() or path.suffix in (".json", ".safetensors") or is_onnx(path)):
        raise DsolError("--audio-track", f"{path} is no video", "leave it out")
    if path.is_dir():
        model = next((path / name for name in (MODEL, FIRST) if (path / name).exists()), None)
        if model is None and (path / "config.yaml").exists():
            raise DsolError(path, "is a run without a model yet", "go on with it: dsol train --resume")
        return inspect_model(model) if model else inspect_store(path)
    if path.name.endswith(".json"):
        return inspect_boxes(path)
    if path.suffix == ".safetensors":
        return inspect_model(path)
    if is_onnx(path):
        return inspect_exported(path)
    if not path.exists() and not partial_of(path).exists():
        if (shipped := SHIPPED / f"{path}.safetensors").is_file():
            return inspect_model(shipped)
        raise DsolError(path, "does not exist", f"give {KINDS}")
    return inspect_video(path, audio_track) if path.is_file() else inspect_store(path)


def inspect_store(path: Path) -> dict[str, Any]:
    """Read every byte of a store: shards against index, pictures, sounds, counts."""
    store = Store.open(path)
    _check_counts(store)
    _check_shards(store)
    shapes = Counter(_check_clip(store, i) for i in track(range(len(store)), "Validating clips", unit="clips"))
    categories, splits = Counter(store.column("category")), Counter(store.column("split"))
    missing = sum(store.find(frame.video, frame.time_s) is None for frame in store.boxes)
    return {
        "kind": "scenes" if store.info.get("made", {}).get("by") == "compose" else "store",
        "path": name_of(path),
        "version": store.info["version"],
        "videos": len(store.videos),
        "clips": len(store),
        "hours": round(len(store) / 3600, 3),
        "bytes": sum(file.stat().st_size for file in Path(path).iterdir()),
        "frame_sizes": {f"{w}x{h}": n for (h, w), n in sorted(shapes.items())},
        "categories": {name: categories[name] for name in store.categories},
        "splits": {name: splits[name] for name in store.splits},
        "extras": dict(Counter(name for names in store.column("extras") for name in names or ())),
        "annotated_frames": len(store.boxes),
        "annotated_frames_without_clip": missing,
        "note": store.info.get("note"),
        "missing": store.info.get("missing", []),
        "skipped": store.info.get("skipped", []),
        "cut_short": store.info.get("cut_short", []),
        "silent_clips_left_out": store.info.get("silent_clips", 0),
        "made": store.info.get("made"),
    }


def _check_counts(store: Store) -> None:
    for name, found in (("clips", len(store)), ("videos", len(store.videos))):
        if (told := store.info.get(name)) != found:
            _damaged(store, f"store.json has {told} {name}, the index {found}")
    if len(set(store.column("clip"))) != len(store):
        _damaged(store, "the index has a clip twice")


def _check_shards(store: Store) -> None:
    """The shards hold exactly the members that the index points to."""
    for number in range(store.info.get("shards", 0)):
        name = shard_name(number)
        try:
            with tarfile.open(store.path / name) as tar:
                found = {m.name: (m.offset_data, m.size) for m in tar if not m.name.endswith(".json")}
        except (OSError, tarfile.TarError) as error:
            _damaged(store, f"{name} cannot be read: {error}")
        expected = _members(store, number)
        if found != expected:
            wrong = min(k for k in found.keys() | expected.keys() if found.get(k) != expected.get(k))
            _damaged(store, f"{name} and the index differ, first in {wrong}")


def _members(store: Store, shard: int) -> dict[str, tuple[int, int]]:
    """Name -> (offset, bytes) of the pictures and sounds that the index places in a shard."""
    names = ("shard", "member", "frame_offset", "frame_size", "sound_offset", "sound_size",
             "extras", "extra_offset", "extra_size")  # fmt: skip
    places = {}
    for number, member, offsets, sizes, offset, size, *extras in zip(*map(store.column, names), strict=True):
        if number == shard:
            for name, *place in zip(*(values or () for values in extras), strict=True):
                places[f"{member}.{name}"] = tuple(place)
            places |= {f"{member}.{j}.jpg": place for j, place in enumerate(zip(offsets, sizes, strict=True))}
            places[f"{member}.wav"] = offset, size
    return places


def _check_clip(store: Store, i: int) -> tuple[int, int]:
    """Compare the bytes of clip i with its checksum and decode them; returns (height, width) of its frames."""
    row = store.row(i)
    pictures = [store.frame_bytes(i, j) for j in range(store.frame_count(i))]
    extras = [store.extra(i, name) or b"" for name in row.extras or ()]
    if checksum(*pictures, store.sound_bytes(i), *extras) != row.checksum:
        _damaged(store, f"clip {row.clip} in {shard_name(row.shard)} has changed")
    shapes = {decode_jpeg(picture).shape[:2] for picture in pictures}
    if len(shapes) != 1 or len(pictures) != len(row.times_s):
        _damaged(store, f"clip {row.clip} has {len(pictures)} frames of sizes {shapes} at {len(row.times_s)} times")
    if len(store.waveform(i)) != SAMPLE_RATE:
        _damaged(store, f"clip {row.clip} has {len(store.waveform(i))} samples, not one second")
    return shapes.pop()


def _damaged(store: Store, what: str) -> NoReturn:
    raise DsolError(store.path, what, "it was damaged after it was made: copy it again, or make it again")


def inspect_boxes(path: Path) -> dict[str, Any]:
    """Check every box of a boxes.json."""
    boxes = Boxes.load(path)
    counts = Counter(box.category for frame in boxes for box in frame.boxes)
    return {
        "kind": "boxes",
        "path": name_of(path),
        "frames": len(boxes),
        "videos": len({frame.video for frame in boxes}),
        "boxes": sum(counts.values()),
        "silent_boxes": sum(not box.sounding for frame in boxes for box in frame.boxes),
        "frames_without_box": sum(not frame.boxes for frame in boxes),
        "categories": {name: counts[name] for name in boxes.categories},
    }


def inspect_video(path: Path, audio_track: int | None = None) -> dict[str, Any]:
    """Read a video from beginning to end."""
    from dsol.data.media import probe, read_seconds

    info = probe(path, audio_track)
    seconds = read_seconds(path, size=(32, 32), audio_track=audio_track)
    loudness = [rms(second.waveform) for second in seconds]
    return {
        "kind": "video",
        "path": name_of(path),
        "duration_s": round(info.duration_s, 3),
        "width": info.width,
        "height": info.height,
        "fps": round(info.fps, 3),
        "sample_rate": info.sample_rate,
        "channels": info.channels,
        "sound_tracks": [asdict(track) for track in info.sound_tracks],
        "time_stamps": list(info.notes),
        "whole_seconds": len(loudness),
        "rms": round(float(np.sqrt(np.mean(np.square(loudness)))), 5),
    }


def inspect_model(path: Path) -> dict[str, Any]:
    """The configuration, names, provenance and metrics that a model file carries, and its size."""
    from safetensors import SafetensorError, safe_open

    broken = explained(
        path, "is not a model file: {}", "give a .safetensors file made by dsol train", OSError, SafetensorError
    )
    with broken, safe_open(path, framework="np") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
        metadata = {key: _parsed(value) for key, value in (file.metadata() or {}).items()}
    return {
        "kind": "model",
        "path": name_of(path),
        "bytes": path.stat().st_size,
        "tensors": len(shapes),
        "parameters": sum(int(np.prod(shape)) for shape in shapes.values()),
        "metadata": metadata,
    }


def inspect_exported(path: Path) -> dict[str, Any]:
    """Inputs, outputs and metadata of an exported model."""
    file = open_onnx(path)
    if "dsol" not in file.metadata:
        raise DsolError(path, "is an ONNX file, but none of dsol", "give one of `dsol export`")
    return {
        "kind": "exported model",
        "path": name_of(path),
        "bytes": path.stat().st_size,
        "inputs": {name: "×".join(map(str, shape)) for name, shape in file.inputs.items()},
        "outputs": {name: "×".join(map(str, shape)) for name, shape in file.outputs.items()},
        "metadata": {key: _parsed(value) for key, value in file.metadata.items()},
    }


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def print_report(report: dict[str, Any]) -> None:
    """Print what `inspect` found, one line a fact.

    Example:
        >>> print_report({"kind": "boxes", "frames": 41, "categories": {"cello": 4, "flute": 2}})
        kind        boxes
        frames      41
        categories  cello 4, flute 2
    """
    facts = {key: value for key, value in report.items() if value not in (None, {}, [])}
    width = max(map(len, facts)) + 2
    for key, value in facts.items():
        for k, line in enumerate(_lines(value)):
            print(f"{'' if k else key.replace('_', ' '):{width}}{line}")


def _sound_track(number: int, codec: str, sample_rate: int, channels: int, title: str, used: bool) -> str:
    what = f"{number}: {codec}, {sample_rate:,} Hz, {channels} channels"
    return what + (f", {title}" if title else "") + (" (this one is used)" if used else "")


def _by_section(card: dict[str, Any]) -> list[str]:
    """The options of a model by their present names: those of the whole run, then a line for each section."""
    config = card["config"]
    if card.get("version") == 1:
        config = Config.from_dict(from_version_1(config, "model")).to_dict()
    whole = {name: value for name, value in config.items() if not isinstance(value, dict)}
    sections = {"config": whole, **{name: value for name, value in config.items() if isinstance(value, dict)}}
    return [f"{name}: {_lines(options)[0]}" for name, options in sections.items()]


def _lines(value: Any) -> list[str]:
    card = value.get("dsol") if isinstance(value, dict) else None
    if isinstance(card, dict) and isinstance(card.get("config"), dict):
        return [*_by_section(card), *_lines({key: part for key, part in card.items() if key != "config"})]
    if isinstance(value, dict) and any(isinstance(v, dict | list) for v in value.values()):
        return [f"{key}: {', '.join(_lines(v))}" for key, v in value.items()]
    if isinstance(value, dict):
        return [", ".join(f"{key} {v}" for key, v in value.items())]
    if isinstance(value, list) and value and isinstance(value[0], dict) and "codec" in value[0]:
        return [_sound_track(**track) for track in value]
    if isinstance(value, list):
        shown = [" ".join(map(str, v.values())) if isinstance(v, dict) else str(v) for v in value]
        return [*shown[:TOP], *([f"... {len(shown) - TOP} more"] if len(shown) > TOP else [])]
    return [f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)]
