"""`dsol evaluate`: a model on the annotated frames of a store.

annotated frames of the test split ─ find clip ─▶ picture, sound ─ system ─▶ Maps ─ name clusters ─▶ score
                                         ├─ sound of another video ─▶ Maps ─▶ the baseline "mismatched sound"
                                         └─ silence, noise ─▶ Maps, where the protocol asks
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dsol.baselines.constant import OracleSound, VisionOnly
from dsol.baselines.dmc import Dmc
from dsol.config import Config
from dsol.data.boxes import Boxes
from dsol.data.clip import SAMPLE_RATE
from dsol.data.engines import run
from dsol.data.levels import noise
from dsol.data.store import Store
from dsol.errors import DsolError
from dsol.evaluation.blind import blind_system
from dsol.evaluation.features import features_figure, features_of, labelled_clips
from dsol.evaluation.metrics import nmi
from dsol.evaluation.protocols import Protocol, protocol_named
from dsol.evaluation.result import Evaluation
from dsol.evaluation.score import score
from dsol.evaluation.truth import truth_of
from dsol.model.audio import log_mel
from dsol.model.dsol_system import DsolSystem
from dsol.model.file import find_model, load_card
from dsol.model.maps import Maps, MapsWriter, merge_clusters
from dsol.model.onnx import ExportedSystem, encoded_size, takes_size
from dsol.model.onnx_file import is_onnx
from dsol.model.system import ClusteringSystem, System, load_system
from dsol.naming.naming import BATCH, assign_clips, clips_that_name, name_clusters
from dsol.progress import say, track

Place = tuple[int, int]  # row of the store, frame of its clip
Sounds = Callable[[int], np.ndarray]  # number of a frame -> its sound, see `Store.sound`
MOST_SCENES = 6  # in a picture


@dataclass(frozen=True)
class AnnotatedFrames:
    """Frames of a store that can be scored.

    Attributes:
        clips: the store.
        boxes: the frames' annotations.
        places: where their pictures lie.
    """

    clips: Store
    boxes: Boxes
    places: list[Place]

    def sound(self, n: int) -> np.ndarray:
        """The sound of frame n, see `Store.sound`."""
        return self.clips.sound(self.places[n][0])

    def take(self, chosen: Iterable[int]) -> "AnnotatedFrames":
        """Some of them, by number."""
        chosen = list(chosen)
        boxes = replace(self.boxes, frames=tuple(self.boxes.frames[i] for i in chosen))
        return replace(self, boxes=boxes, places=[self.places[i] for i in chosen])


def evaluate(
    model: str | Path,
    store: str | Path,
    protocol: str = "solo",
    match: str | Path | None = None,
    size: int | None = None,
    maps: Path | None = None,
    figures: Path | None = None,
    strict: bool = True,
    sources: int | None = None,
    baseline: str | None = None,
    inference: Mapping[str, Any] | None = None,
    engine: str = "local",
    workers: int = 1,
) -> Evaluation:
    """Score a model.

    Args:
        model: model file or run folder.
        store: store with boxes; where it has splits, the split "test" is scored.
        protocol: see `dsol.evaluation.protocols`.
        match: labelled store that tells which cluster is what; not needed for a model that has been named.
        size: side of the input picture, pixels; as trained where None, in stage one for `solo`.
        maps: also write the maps to this file, M.npz, and the annotations that were scored to M.boxes.json.
        figures: also draw some of the frames into this folder.
        strict: see `dsol.evaluation.score`.
        sources: how many objects sound, for a system that cannot infer it (DMC).
        baseline: score this in the model's place: "whole_image", "best_centred_box", "random", or the model's own class
            maps with "vision_only" or with "oracle_sound". Mismatched sound would not change them and is not tried.
        inference: changed options of inference, see `dsol.config.InferenceOptions`.
        engine, workers: what predicts the maps, see `dsol.data.engines.run`; "local" is this process.

    Returns:
        Figures, intervals and baselines; `.table()` for people, `.to_json()` for programs.

    Raises:
        DsolError: no annotated frames, or nothing to name the clusters by.

    Example:
        >>> result = dsol.evaluate("run", "store", protocol="solo")
        >>> sorted(result.to_json()["metrics"])[:2]
        ['auc', 'ciou@0.3']
    """
    clips = Store.open(store)
    plan = protocol_named(protocol)
    frames = annotated_frames(clips, plan.empty_too)
    system = open_model(model, clips, protocol, match, size, sources, inference)
    if baseline:
        system = stand_in(baseline, system, frames, match, plan)
    wrong = {} if baseline else wrong_sounds(frames, plan)
    mismatched: dict[str, Any] = {name: [] for name in wrong}
    sounds = [frames.sound, *wrong.values()]
    found = predict_frames(system, frames, sounds, plan.united, f"Localising, {protocol}", engine, workers)
    how: dict[str, Any] = {"strict": strict, "nmi": cluster_nmi(system, clips), "nsa": not isinstance(system, Dmc)}
    with MapsWriter(maps) if maps else nullcontext() as writer:
        result = score(_own(found, list(mismatched.values()), writer), frames.boxes, protocol, **how, **mismatched)
    if note := clips.info.get("note"):
        result = replace(result, notes=(*result.notes, note))
    if maps:
        file = Path(f"{str(maps).removesuffix('.npz')}.boxes.json")
        frames.boxes.save(file)
        say(f"{maps}: the maps; {file}: the annotations that they were scored against")
    if figures:
        label = (baseline or load_card(find_model(model)).system).replace("_", " ")
        draw(system, label, frames, plan.united, figures)
    return result


def open_model(
    model: str | Path,
    clips: Store,
    protocol: str,
    match: str | Path | None = None,
    size: int | None = None,
    sources: int | None = None,
    inference: Mapping[str, Any] | None = None,
) -> System:
    """A model as a protocol needs it: at the picture size of its training, and named where its class maps are scored;
    see `evaluate`."""
    united = protocol_named(protocol).united
    if united and size is None:
        size = _stage_one_size(Path(model))
    system = load_system(model, size, sources, inference)
    return system if united else name_system(system, clips, match)


def _stage_one_size(model: Path) -> int | None:
    """The picture size of stage one, for single-source frames; None where an exported model does not take it."""
    file = find_model(model)
    config = Config.from_dict(load_card(file).config)
    size = config.encoders.size
    if is_onnx(file) and not takes_size(config, size):
        say(f"{file} takes pictures of {encoded_size(config)} pixels, stage one was trained at {size}: figures differ")
        return None
    return size


def annotated_frames(clips: Store, empty_too: bool = False) -> AnnotatedFrames:
    """The annotated frames of a store that can be scored.

    Args:
        clips: the store.
        empty_too: frames without a box too.

    Raises:
        DsolError: there are none.
    """
    tested = clips.testing().videos
    frames = [(frame, clips.find(frame.video, frame.time_s)) for frame in clips.boxes.of_videos(tested)]
    found = [(frame, place) for frame, place in frames if place is not None and (frame.boxes or empty_too)]
    missing = sum(place is None for _, place in frames)
    if missing:
        say(f"{missing} of {len(frames)} annotated frames are not in the store and are left out")
    if not found:
        raise DsolError(clips.path, "has no annotated frames to score", "prepare it with --boxes FILE")
    boxes = replace(clips.boxes, frames=tuple(frame for frame, _ in found))
    return AnnotatedFrames(clips, boxes, [place for _, place in found])


def swapped(frames: AnnotatedFrames) -> list[int]:
    """For each frame, one whose sound it gets instead: of another video, of other categories where possible."""
    annotated = frames.boxes.frames
    sounding = [{box.category for box in frame.boxes if box.sounding} for frame in annotated]
    count, half = len(annotated), len(annotated) // 2
    found = []
    for i, frame in enumerate(annotated):
        order = [(i + half + step) % count for step in range(count)]
        others = [j for j in order if annotated[j].video != frame.video]
        different = (j for j in others if not sounding[j] & sounding[i])
        found.append(next(different, others[0] if others else i))
    return found


def wrong_sounds(frames: AnnotatedFrames, protocol: Protocol) -> dict[str, Sounds]:
    """The sounds of other clips and, where a protocol has them, silence and noise, its seed the number of the frame."""
    found: dict[str, Sounds] = {"swapped": frames.take(swapped(frames)).sound}
    if not protocol.wrong_sounds:
        return found

    def stored(waveform: np.ndarray) -> np.ndarray:
        return log_mel(torch.from_numpy(waveform)[None])[0].numpy() if spectrograms else waveform

    spectrograms = frames.sound(0).ndim == 2
    silence = np.zeros(SAMPLE_RATE, np.float32)
    return found | {"silence": lambda n: stored(silence), "noise": lambda n: stored(noise(np.random.default_rng(n)))}


def predict_frames(
    system: System,
    frames: AnnotatedFrames,
    sounds: Sequence[Sounds],
    united: bool,
    label: str,
    engine: str = "local",
    workers: int = 1,
) -> Iterator[list[Maps]]:
    """Maps of annotated frames, batch by batch, one a category; for each of several sounds.

    Args:
        system: what predicts.
        frames: the frames.
        sounds: number of a frame -> its sound, one for each map that is wanted; the picture is encoded once.
        united: the localisation map alone, without its categories.
        label: for the progress.
        engine, workers: see `dsol.data.engines.run`.

    Yields:
        Maps for each of `sounds`.
    """

    def predict(start: int) -> list[Maps]:
        part = slice(start, start + BATCH)
        pictures = [frames.clips.frame(*place) for place in frames.places[part]]
        keys = [frame.key for frame in frames.boxes.frames[part]]
        waveforms = np.stack([sound(start + n) for sound in sounds for n in range(len(keys))])
        found = system.predict(pictures * len(sounds), waveforms, keys * len(sounds))
        agnostic = united or found.maps is None
        named = Maps(found.keys, found.area) if agnostic else select_categories(found, frames.boxes.categories)
        return [named.take(slice(n * len(keys), (n + 1) * len(keys))) for n in range(len(sounds))]

    starts = range(0, len(frames.places), BATCH)
    found = run(predict, starts, engine, workers, gpu=True)
    yield from track(found, label, len(starts), f"batches of {BATCH} frames")


def select_categories(maps: Maps, categories: tuple[str, ...]) -> Maps:
    """One map a category of the annotations; maps of other categories are left out. "acoustic_guitar" and "Acoustic
    guitar" are one category."""
    written = {_plain(name): name for name in categories}
    maps = replace(maps, categories=tuple(written.get(_plain(name), name) for name in maps.categories))
    wide = (*categories, *sorted(set(maps.categories) - set(categories)))
    merged = merge_clusters(maps, np.array([wide.index(name) for name in maps.categories]), wide)
    assert merged.maps is not None, "a system with categories predicts maps"
    assert merged.score is not None, "and with scores"
    k = len(categories)
    return replace(merged, maps=merged.maps[:, :k], score=merged.score[:, :k], categories=categories)


def _plain(name: str) -> str:
    return name.replace("_", " ").casefold()


def cluster_nmi(system: System, clips: Store) -> float | None:
    """NMI of clusters and categories on the labelled clips that are scored; None where there are none."""
    labelled = clips.testing().labelled()
    if not len(labelled) or not isinstance(system, ClusteringSystem):
        return None
    return nmi(np.array(labelled.column("category")), assign_clips(system, labelled))


def stand_in(
    baseline: str, system: System, frames: AnnotatedFrames, match: str | Path | None, protocol: Protocol
) -> System:
    """What is scored in the model's place: see `evaluate`.

    Raises:
        DsolError: the model has no object dictionary.
    """
    if baseline not in ("vision_only", "oracle_sound"):
        how = {"united": protocol.united, "empty_too": protocol.empty_too, "consensus": protocol.consensus}
        return blind_system(baseline, truth_of(frames.boxes, **how), protocol)
    if not isinstance(system, DsolSystem):
        what = f"{baseline} needs an object dictionary"
        raise DsolError("--baseline", what, "give a model of the system dsol, none exported")
    named = name_system(system, frames.clips, match)
    assert isinstance(named, DsolSystem), "a name changes nothing else"
    if baseline == "vision_only":
        return VisionOnly(named)
    return OracleSound(named, {f.key: {b.category for b in f.boxes if b.sounding} for f in frames.boxes})


def draw(system: System, label: str, frames: AnnotatedFrames, united: bool, folder: Path) -> None:
    """Pictures of what a model does: `scenes.png` (figure 4), and `features.png` (figure 3) for labelled clips."""
    folder.mkdir(parents=True, exist_ok=True)
    draw_scenes({label: system}, frames, folder / "scenes.png", united)
    shown = labelled_clips(frames.clips)
    if isinstance(system, DsolSystem) and shown is not None:
        whole, objects = features_of(system, shown)
        panels = {"picture": whole, "masked object": objects}
        features_figure(panels, shown.column("category"), folder / "features.png")


def draw_scenes(systems: Mapping[str, System], frames: AnnotatedFrames, file: Path, united: bool = False) -> None:
    """Draw a few frames with their boxes and every system's maps, spread over the videos.

    Args:
        systems: by the name to print.
        frames: those to choose from.
        file: of the image.
        united: draw their localisation maps alone.
    """
    from dsol.evaluation.figures import scene_figure

    some = frames.take(telling_frames(frames.boxes))
    predicted = {
        name: next(predict_frames(system, some, [some.sound], united, f"Drawing, {name}"))[0]
        for name, system in systems.items()
    }
    scene_figure([some.clips.frame(*place) for place in some.places], list(some.boxes), predicted, file)


def telling_frames(boxes: Boxes, most: int = MOST_SCENES) -> list[int]:
    """Which frames to draw: the middle one of a video, of videos with silent objects where there are enough."""
    frames = [i for i, frame in enumerate(boxes) if frame.boxes]
    telling = [i for i in frames if len({box.sounding for box in boxes.frames[i].boxes}) == 2]
    of_video: dict[str, list[int]] = {}
    for i in telling if len({boxes.frames[i].video for i in telling}) >= min(most, 2) else frames:
        of_video.setdefault(boxes.frames[i].video, []).append(i)
    middle = [mine[len(mine) // 2] for mine in of_video.values()]
    return [middle[i] for i in np.linspace(0, len(middle) - 1, min(most, len(middle))).astype(int)]


def name_system(system: System, clips: Store, match: str | Path | None) -> System:
    """The system with a category for each of its clusters; as it is where they have names, or it has none."""
    if not system.categories:
        return system
    if isinstance(system, ExportedSystem) and not system.card.named:
        raise DsolError("the exported model", "has clusters without names", "name the model, and export it again")
    if isinstance(system, ExportedSystem) and match is not None:
        raise DsolError("--match", "of an exported model the names are fixed", "leave it out, or give the model itself")
    if not isinstance(system, ClusteringSystem) or (match is None and system.card.named):
        return system
    if match is None and not clips.categories:
        remedy = "give a labelled store with --match, or name the model first: dsol name"
        raise DsolError(clips.path, "has no labels to name the model's clusters by", remedy)
    labelled = Store.open(match) if match else clips
    return system.named(name_clusters(system, clips_that_name(labelled, clips)))


def _own(batches: Iterable[list[Maps]], mismatched: list[list[Maps]], writer: MapsWriter | None) -> Iterator[Maps]:
    """The maps with the frames' own sound, written where that is wanted; the rest is collected for later."""
    for own, *rest in batches:
        for collected, maps in zip(mismatched, rest, strict=True):
            collected.append(maps)
        if writer is not None:
            writer.add(own)
        yield own
