"""Build the shipped model `general` again, from what $DSOL_DATA holds.

    DSOL_DATA=... python benchmarks/general.py --mediapipe PYTHON [--cache DIR] [--out FILE] [--without FOLD]

    sounds ─ YAMNet, its two widest layers along principal directions ─▶ tagger
    frames of videos ─ EfficientNet-Lite0 ─▶ cells: mean, principal directions; classes: mean, spread    (standardising)
    frames and sound of videos, of `wild` too ─ which came with which ─▶ correspondence
    frames of videos, of `wild` too ─ a public person segmenter and face finder ─▶ where people are ─▶ people
    objects with outlines on backgrounds (`general_scenes.py`) ─▶ how far each goes from its class map ─▶ extent

PYTHON is the interpreter of an environment that has `mediapipe`, see `general_people.py`. --without leaves the videos
of one of the five folds of `wild` out (`benchmarks/wild.py`); no label and no box of `wild` is read at all. What is
computed once is kept in --cache. Half an hour on two cores.
"""

import argparse
import csv
import os
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import torch
from general_scenes import Composer, box_cells, objects
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.config import SHIPPED
from dsol.data.clip import SAMPLE_RATE
from dsol.data.media import find_sounds, find_videos, read_seconds, read_sound
from dsol.errors import DsolError
from dsol.model.backbones import lite0_weights_file, load_weights
from dsol.model.file import ModelCard, save_model
from dsol.model.folding import folded
from dsol.model.general import GeneralSystem
from dsol.model.general_network import DIRECTIONS, SIZE, Correspondence, Extent, GeneralNetwork, People, clues
from dsol.model.general_predictor import Categories, visibility
from dsol.model.groups import Groups
from dsol.model.images import LITE0_MEAN, LITE0_STD, normalise, stack
from dsol.model.tagger import AudioTagger, compressed
from dsol.model.vocabulary import vocabulary
from dsol.progress import say

FOLDS = 5
CELLS = 20
FOLDERS = {"videos": "videos", "music_mini": "music_mini/videos", "wild": "wild/videos"}
STANDARD = ("videos", "music_mini")  # what is standardised by: none of `wild`
SURENESS = 0.7  # of the tagger's logits this share is kept: they are surer than it is right
HEARD = 1500  # seconds of sound that the tagger is compressed for
SCENES = 3000
PEOPLE_STEPS, EXTENT_STEPS, PAIR_STEPS, BATCH, PAIRS, RATE = 400, 700, 300, 32, 64, 2e-3
DECAY = 2e-2  # of weights; of the correspondence's, which sees few videos, far more
PAIR_DECAY = 0.3
ANYTHING = 0.2  # share of the scenes in which no category is asked for: all objects are
LEAST, MOST = 0.05, 0.5  # thresholds to choose from


def fold_of(video: str) -> int:
    """The fold of a video of `wild`.

    Example:
        >>> fold_of("070_dog_bow_wow.mp4")
        1
    """
    return zlib.crc32(video.encode()) % FOLDS


def frames_of(data: Path, cache: Path) -> dict[str, tuple[list[str], np.ndarray]]:
    """Folder -> the video of each frame, and frames (N, 320, 320, 3): the middle one of each second."""
    found = {}
    for name, folder in FOLDERS.items():
        kept = cache / f"frames-{name}.npz"
        if not kept.is_file():
            files = list(find_videos(data / folder))
            pairs = [(file.name, second.frames[len(second.frames) // 2])
                     for file in files for second in read_seconds(file, size=(SIZE, SIZE))]  # fmt: skip
            np.savez(kept, video=[video for video, _ in pairs], frame=np.stack([frame for _, frame in pairs]))
        with np.load(kept) as file:
            found[name] = file["video"].tolist(), file["frame"]
        say(f"{name}: {len(found[name][0])} frames")
    return found


@torch.inference_mode()
def features_of(network: GeneralNetwork, frames: np.ndarray) -> Tensor:
    """f (N, 1280, 20, 20) in half precision."""
    eye = folded(network.eye)
    parts = [eye(normalise(stack(list(part), SIZE), LITE0_MEAN, LITE0_STD)).half()
             for part in np.array_split(frames, -(-len(frames) // 8))]  # fmt: skip
    return torch.cat(parts)


def standardise(network: GeneralNetwork, features: Tensor) -> None:
    """Directions and spreads over the frames of many videos: f (N, 1280, 20, 20)."""
    cells = features[::2].flatten(2)[:, :, ::5].permute(0, 2, 1).flatten(0, 1).float()
    network.mean.copy_(cells.mean(0))
    strength, directions = torch.linalg.eigh((cells - network.mean).T @ (cells - network.mean) / len(cells))
    network.directions.copy_(directions[:, -DIRECTIONS:].flip(1) / strength[-DIRECTIONS:].sqrt().mean())
    classes = network.classes(cells)
    network.class_mean.copy_(classes.mean(0))
    network.class_std.copy_(classes.std(0))
    of = Categories(network.words).classes
    best_class, some = Groups(of), torch.tensor([bool(mine) for mine in of])
    entries = (best_class(network.place(part.float())[1]) for part in features[::3].split(16))
    best = torch.cat([visibility(part, some) for part in entries])
    network.visible_mean.copy_(best.mean(0))
    network.visible_std.copy_(best.std(0).clamp(min=1e-3))


def whole_tagger(weights: Path) -> AudioTagger:
    """YAMNet."""
    given = {name: torch.from_numpy(value) for name, value in np.load(weights).items()}
    tagger = AudioTagger(len(given["fc_b"]), {}).eval()
    own = {"mel": given["mel"], "first.weight": given["l1_w"], "first.bias": given["l1_b"],
           "head.weight": given["fc_w"], "head.bias": given["fc_b"]}  # fmt: skip
    for i in range(2, 15):
        for part, short in (("depthwise", "d"), ("pointwise", "p")):
            own |= {f"layers.{i - 2}.{part}.weight": given[f"l{i}_{short}w"],
                    f"layers.{i - 2}.{part}.bias": given[f"l{i}_{short}b"]}  # fmt: skip
    shapes = {name: value.shape for name, value in tagger.state_dict().items()}
    tagger.load_state_dict({name: value.reshape(shapes[name]) for name, value in own.items()})
    return tagger


def heard(data: Path) -> Tensor:
    """Seconds of sound (N, 16000): of each recording one, of each video all; none of `wild`."""
    rng, found = np.random.default_rng(0), []
    for file in (*find_sounds(data / "sounds"), *find_sounds(data / "stills" / "sounds")):
        try:
            sound = read_sound(file)
        except DsolError as error:
            say(f"Skipped {error}")
            continue
        sound = np.tile(sound, -(-SAMPLE_RATE // max(len(sound), 1)))
        start = rng.integers(len(sound) - SAMPLE_RATE + 1)
        found.append(sound[start : start + SAMPLE_RATE])
    for name in STANDARD:
        found += [s.waveform for file in find_videos(data / FOLDERS[name]) for s in read_seconds(file, size=(8, 8))]
    return torch.from_numpy(np.stack([found[i] for i in rng.permutation(len(found))[:HEARD]]).astype(np.float32))


def ear_of(data: Path, cache: Path) -> dict[str, Tensor]:
    """The weights of the audio tagger."""
    kept = cache / "ear.pt"
    if not kept.is_file():
        with open(data / "weights" / "yamnet_class_map.csv", newline="") as file:
            names = [row["display_name"] for row in csv.DictReader(file)]
        tags = [names.index(tag) for tag in vocabulary().tags]
        ear = compressed(whole_tagger(data / "weights" / "yamnet_fused.npz"), heard(data), tags)
        weights = ear.state_dict()
        weights |= {name: SURENESS * weights[name] for name in ("head.weight", "head.bias")}
        torch.save(weights, kept)
    return torch.load(kept, weights_only=True)


def people_in(frames: dict[str, tuple[list[str], np.ndarray]], cache: Path, python: str | None) -> dict[str, Tensor]:
    """Folder -> where people are, (N, 2, 20, 20), by `general_people.py`."""
    kept = cache / "people.npz"
    if not kept.is_file():
        if python is None:
            sys.exit("give --mediapipe the python of an environment that has mediapipe")
        shown = cache / "people_frames.npz"
        np.savez(shown, **{name: frame for name, (_, frame) in frames.items()})
        subprocess.run([python, str(Path(__file__).with_name("general_people.py")), str(shown), str(kept)], check=True)
        shown.unlink()
    with np.load(kept) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


def embeddings_of(network: GeneralNetwork, data: Path, cache: Path) -> dict[str, Tensor]:
    """Folder -> the embedding of the sound of each frame's second, (N, 1024)."""
    kept = cache / "embeddings.pt"
    if not kept.is_file():
        found = {}
        for name, folder in FOLDERS.items():
            files = list(find_videos(data / folder))
            sounds = [second.waveform for file in files for second in read_seconds(file, size=(8, 8))]
            with torch.inference_mode():
                parts = torch.from_numpy(np.stack(sounds)).split(64)
                found[name] = torch.cat([network.ear.embed(part) for part in parts])
        torch.save(found, kept)
    return torch.load(kept, weights_only=True)


def correspondence_net(cells: Tensor, embedding: Tensor, videos: list[str]) -> Correspondence:
    """Which place goes with which sound: cells (N, 128, 20, 20) of frames, embeddings (N, 1024) of their sounds."""
    torch.manual_seed(0)
    network, scale = Correspondence(), nn.Parameter(torch.tensor(2.3))
    network.register_parameter("scale", scale)
    network.sound_mean.copy_(embedding.mean(0))
    network.sound_std.copy_(embedding.std(0).clamp(min=0.05))
    names = sorted(set(videos))
    rows = [torch.tensor([n for n, video in enumerate(videos) if video == name]) for name in names]

    def pairs() -> Tensor:
        return torch.stack([rows[v][torch.randint(len(rows[v]), (1,))[0]] for v in torch.randperm(len(rows))[:PAIRS]])

    def loss() -> Tensor:
        chosen = pairs()
        shown, sound = F.dropout(cells[chosen].float(), 0.1), F.dropout(embedding[chosen], 0.2)
        match = (network(shown, sound).flatten(2) * scale.exp()).logsumexp(2)
        own = torch.arange(len(chosen))
        return F.cross_entropy(match, own) + F.cross_entropy(match.T, own)

    learn(network, PAIR_STEPS, loss, PAIR_DECAY)
    del network.scale
    with torch.inference_mode():
        best = torch.stack([network.best(cells[mine].float(), embedding[mine]) for mine in (pairs() for _ in range(8))])
        strangers = best[:, ~torch.eye(best.shape[1], dtype=torch.bool)]
        network.best_mean.copy_(strangers.mean())
        network.best_std.copy_(strangers.std())
    return network


def learn(network: nn.Module, steps: int, loss_of, decay: float = DECAY) -> None:
    """Train a small network with `loss_of()`, the loss of a new batch."""
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=decay)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    network.train()
    for step in range(steps):
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        if step % 100 == 0:
            say(f"{type(network).__name__}: step {step} of {steps}, loss {loss.item():.3f}")
    network.eval()


def people_net(cells: Tensor, target: Tensor) -> People:
    """Where people are, of cells (N, 128, 20, 20), learned from (N, 2, 20, 20)."""
    torch.manual_seed(0)
    network = People()

    def loss() -> Tensor:
        rows = torch.randint(len(cells), (BATCH,))
        shown, wanted = F.dropout2d(cells[rows].float(), 0.1), target[rows].float()
        if torch.rand(()) < 0.5:
            shown, wanted = shown.flip(3), wanted.flip(3)
        return F.binary_cross_entropy_with_logits(network(shown), wanted)

    learn(network, PEOPLE_STEPS, loss)
    return network


def scenes_of(network: GeneralNetwork, data: Path, frames: dict, cache: Path) -> list[tuple[Tensor, ...]]:
    """Of each scene: cells (128, 20, 20), class map of each object (O, 20, 20), the best of all classes (20, 20), and
    the box of each object (O, 20, 20)."""
    kept = cache / f"scenes-{SCENES}.pt"
    if not kept.is_file():
        photos = [
            Image.open(file).convert("RGB").resize((360, 360)) for file in sorted((data / "backgrounds").glob("*"))
        ]
        behind = [*map(np.asarray, photos), *(frame for name in STANDARD for frame in frames[name][1][::3])]
        draw, found = Composer(objects(data), behind, np.random.default_rng(0)), []
        while len(found) < SCENES:
            picture, seen = draw()
            if seen:
                found.append(scene(network, picture, seen))
                if len(found) % 500 == 0:
                    say(f"Scenes: {len(found)} of {SCENES}")
        torch.save(found, kept)
    return torch.load(kept, weights_only=True)


@torch.inference_mode()
def scene(network: GeneralNetwork, picture: np.ndarray, seen: list[tuple[str, np.ndarray]]) -> tuple[Tensor, ...]:
    """One of `scenes_of`."""
    cells, classes = (part[0] for part in network.see(stack([picture], SIZE)))
    queries = [classes[list(network.words.entries[category].visible)].amax(0) for category, _ in seen]
    boxes = np.stack([box_cells(mask, CELLS) for _, mask in seen])
    return cells.half(), torch.stack(queries).half(), classes.amax(0).half(), torch.from_numpy(boxes).half()


def extent_net(scenes: list[tuple[Tensor, ...]]) -> Extent:
    """How far objects go, learned from scenes."""
    torch.manual_seed(0)
    network, rng = Extent(), np.random.default_rng(0)

    def loss() -> Tensor:
        chosen = [_asked(scenes[i], rng) for i in rng.integers(len(scenes), size=BATCH)]
        cells, query, anything, box = (torch.stack(part).float() for part in zip(*chosen, strict=True))
        logits = network(clues(cells, query[:, None], anything)[:, 0])
        likely = logits.sigmoid()
        shared, either = (part.sum((1, 2)) + 1 for part in (torch.minimum(likely, box), torch.maximum(likely, box)))
        return F.binary_cross_entropy_with_logits(logits, box) + (1 - shared / either).mean()

    learn(network, EXTENT_STEPS, loss)
    return network


def _asked(scene: tuple[Tensor, ...], rng: np.random.Generator) -> tuple[Tensor, ...]:
    """A scene with one of its objects asked for, or with all; every second one in a mirror."""
    cells, queries, anything, boxes = scene
    k = rng.integers(len(queries))
    query, box = (anything, boxes.amax(0)) if rng.random() < ANYTHING else (queries[k], boxes[k])
    parts = (cells, query, anything, box)
    return tuple(part.flip(-1) for part in parts) if rng.random() < 0.5 else parts


def build(data: Path, cache: Path, python: str | None, without: int | None = None) -> GeneralNetwork:
    """The network; `without`: the fold of `wild` whose videos it does not see."""
    cache.mkdir(parents=True, exist_ok=True)
    network = GeneralNetwork(vocabulary()).eval().requires_grad_(False)
    load_weights(network.eye, lite0_weights_file())
    given = torch.load(lite0_weights_file(), map_location="cpu", weights_only=True)
    network.classes.load_state_dict({"weight": given["_fc.weight"], "bias": given["_fc.bias"]})
    network.ear.load_state_dict(ear_of(data, cache))
    frames, kept = frames_of(data, cache), cache / "cells.pt"
    if not kept.is_file():
        features = {name: features_of(network, frame) for name, (_, frame) in frames.items()}
        standardise(network, torch.cat([features[name] for name in STANDARD]))
        cells = {name: torch.cat([network.place(part.float())[0].half() for part in found.split(32)])
                 for name, found in features.items()}  # fmt: skip
        buffers = dict(network.named_buffers(recurse=False))
        torch.save((buffers, cells), kept)
    buffers, cells = torch.load(kept, weights_only=True)
    for name, value in buffers.items():
        getattr(network, name).copy_(value)
    learned = cache / f"learned-{without}.pt"
    if not learned.is_file():
        targets, embeddings = people_in(frames, cache, python), embeddings_of(network, data, cache)
        videos = [(name, video) for name in FOLDERS for video in frames[name][0]]
        used = torch.tensor([name != "wild" or fold_of(video) != without for name, video in videos])
        seen, target, sound = (
            torch.cat([part[name] for name in FOLDERS])[used] for part in (cells, targets, embeddings)
        )
        of = ["/".join(video) for video, use in zip(videos, used.tolist(), strict=True) if use]
        nets = people_net(seen, target), correspondence_net(seen, sound, of)
        torch.save([net.state_dict() for net in nets], learned)
    for net, state in zip(
        (network.people, network.correspondence), torch.load(learned, weights_only=True), strict=True
    ):
        net.load_state_dict(state)
    extent = cache / "extent.pt"
    if not extent.is_file():
        torch.save(extent_net(scenes_of(network, data, frames, cache)).state_dict(), extent)
    network.extent.load_state_dict(torch.load(extent, weights_only=True))
    return network


def threshold_of(system: GeneralSystem, data: Path) -> tuple[float, dict[str, float]]:
    """The score that tells a video's own sound from another video's best (balanced accuracy), over the middle second of
    each video but those of `wild`; and the share of both that reaches it."""
    middles = [
        list(read_seconds(file, size=(SIZE, SIZE))) for name in STANDARD for file in find_videos(data / FOLDERS[name])
    ]
    seconds = [found[len(found) // 2] for found in middles if found]
    frames, sounds = [s.frames[len(s.frames) // 2] for s in seconds], np.stack([s.waveform for s in seconds])
    other = np.roll(sounds, len(sounds) // 2, axis=0)  # of another category, mostly: videos are in the order of theirs
    own, strange = (system.predict(frames, heard, [""] * len(frames)).score.max(1) for heard in (sounds, other))
    levels = np.arange(LEAST, MOST, 0.01)
    right = [(own >= level).mean() - (strange >= level).mean() for level in levels]
    best = float(levels[int(np.argmax(right))])
    shares = {"own": float((own >= best).mean()), "mismatched": float((strange >= best).mean())}
    return round(best, 2), shares


def save(network: GeneralNetwork, data: Path, out: Path) -> None:
    """The model file, in half precision, with its threshold."""
    made = {"made_by": "benchmarks/general.py", "date": date.today().isoformat(), "labels": "see general.md"}
    card = ModelCard("general", {"encoders": {"size": SIZE}}, network.words.categories, True, provenance=made)
    threshold, shares = threshold_of(GeneralSystem(network, card), data)
    say(f"threshold {threshold}: {shares}")
    tensors = {name: t.half() if t.is_floating_point() else t for name, t in network.state_dict().items()}
    save_model(out, tensors, replace(card, threshold=threshold, metrics={"above_threshold": shares}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mediapipe", default=None, metavar="PYTHON", help="interpreter that has mediapipe")
    parser.add_argument("--cache", type=Path, default=Path("general"), help="folder for all that it makes")
    parser.add_argument("--out", type=Path, default=SHIPPED / "general.safetensors", help="file to write")
    parser.add_argument("--without", type=int, default=None, help="fold of wild to leave out, 0 to 4")
    args = parser.parse_args()
    if "DSOL_DATA" not in os.environ:
        sys.exit(
            "set DSOL_DATA to the folder that holds sounds, stills, cutouts, backgrounds, videos, wild and weights"
        )
    start = time.monotonic()
    data = Path(os.environ["DSOL_DATA"])
    save(build(data, args.cache, args.mediapipe, args.without), data, args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
