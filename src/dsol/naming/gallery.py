"""Pictures and sounds of each cluster, so that a person can name them.

store ─ assign ─▶ clips of each cluster ─ predict ─▶ the most typical ─▶ cluster-00.png, cluster-00.wav ─▶ gallery.html
                                                                names.json ─ edited ─▶ `rename_model`
"""

import html
import json
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dsol.config import SHIPPED
from dsol.data.clip import SAMPLE_RATE
from dsol.data.store import Store
from dsol.data.store.shards import encode_wav
from dsol.errors import DsolError
from dsol.letters import legible
from dsol.localize.heat import draw_heat
from dsol.localize.palette import COLOURS, NIGHT, SNOW, Colour, font, spoken
from dsol.model.file import find_model
from dsol.model.system import ClusteringSystem
from dsol.naming import naming
from dsol.page import write_page
from dsol.progress import say, track

PAGE, NAMES = "gallery.html", "names.json"
SHOWN, ACROSS = 8, 4  # clips in a cluster's picture, side by side
CANDIDATES = 64  # clips of a cluster among which those are chosen
SURE = 0.25  # share of the best score below which a clip counts as an outlier
TILE = (240, 180)  # pixels: a store keeps squares, most videos are wider
GAP, CAPTION, LETTERS = 8, 24, 13  # pixels
PAUSE_S = 0.2  # between two clips


@dataclass(frozen=True)
class Example:
    """A clip of a cluster: its row in the store, its picture (h, w, 3), the cluster's map (H, W) and score on it."""

    row: int
    picture: np.ndarray
    map: np.ndarray
    score: float


@dataclass(frozen=True)
class Cluster:
    """A cluster in the gallery.

    Attributes:
        key: "cluster 3", whatever its name.
        name: what the model calls it.
        clips, videos: how many were assigned to it.
        colour: of its heat maps.
    """

    key: str
    name: str
    clips: int
    videos: int
    colour: Colour

    @property
    def count(self) -> str:
        """Its size in words."""
        clips, videos = (f"{n} {word}{'s' * (n != 1)}" for n, word in ((self.clips, "clip"), (self.videos, "video")))
        return f"{clips} of {videos}"


def name(
    model: Path,
    store: Path | None = None,
    gallery: Path | None = None,
    names: Path | None = None,
    interactive: bool = False,
) -> None:
    """Name the clusters of a model in one of four ways.

    Args:
        model: model file or run folder.
        store: its labels name the clusters; or its clips are shown, with `gallery` or `interactive`.
        gallery: folder of pictures and sounds, for a person who names the clusters afterwards.
        names: JSON of names, as such a person has edited it; goes with nothing else.
        interactive: make a gallery and ask for the names.

    Raises:
        DsolError: these do not go together, or see what each of them calls.
    """
    by_looking = interactive or gallery is not None
    if names is not None:
        if store is not None or by_looking:
            raise DsolError("--names", "comes with neither store, --gallery nor --interactive", "give one of them")
        naming.rename_model(model, naming.read_names(names), names)
    elif store is None:
        what = "has no clips to show" if by_looking else "has nothing to take names from"
        raise DsolError("dsol name", what, "give a store" if by_looking else "give a store, or --names FILE")
    elif interactive:
        name_by_looking(model, store, gallery)
    elif gallery is not None:
        make_gallery(model, store, gallery)
    else:
        naming.name_model(model, store)


def make_gallery(model: str | Path, store: str | Path, folder: str | Path) -> list[Cluster]:
    """Show the clips that belong to each cluster of a model.

    Args:
        model: model file or run folder.
        store: single-source clips, labelled or not; those of the split "train" where there are splits.
        folder: gets gallery.html, for every cluster a picture of its most typical clips and their sound, and
            names.json, the present names; a names.json with other names is not overwritten.

    Returns:
        Every cluster, in the model's order.

    Raises:
        DsolError: no such model or store, a model without clusters, or no clips.

    Example:
        >>> make_gallery("run", "store", "gallery")[0].count                    # doctest: +SKIP
        '28 clips of 7 videos'
    """
    folder, system, found = Path(folder), naming.system_to_name(model), Store.open(store)
    clips = found.training()
    if not len(clips):
        raise DsolError(store, "has no clips of the split train", "give the store that the model was trained on")
    if folder.exists() and not folder.is_dir():
        raise DsolError(folder, "is a file", "give a folder for the gallery")
    assigned = naming.assign_clips(system, clips)
    folder.mkdir(parents=True, exist_ok=True)
    clusters = []
    for cluster, shown in clusters_of(system, clips, assigned):
        clusters.append(cluster)
        if shown:
            file = folder / _file(cluster.key)
            sheet(shown, clips, cluster.colour).save(file.with_suffix(".png"))
            file.with_suffix(".wav").write_bytes(encode_wav(one_after_another(shown, clips)))
    write_page(folder / PAGE, "Clips of each cluster", _body(clusters, model, folder), _STYLE)
    _write_names(folder / NAMES, clusters)
    say(f"{folder / PAGE} shows {len(clusters)} clusters; to name them edit {folder / NAMES}, then: "
        f"{_command(model, folder)}")  # fmt: skip
    return clusters


def clusters_of(
    system: ClusteringSystem, clips: Store, assigned: np.ndarray
) -> Iterator[tuple[Cluster, list[Example]]]:
    """Every cluster of a model, in its order, and its most typical clips.

    Args:
        system: the model.
        clips: single-source clips.
        assigned: (N,) the cluster of each.
    """
    known, by_cluster, videos = system.card.known, naming.under_keys(system), clips.column("video")
    for k, key in enumerate(track(naming.cluster_keys(system.card), "Drawing clusters", unit="clusters"), start=known):
        rows = np.flatnonzero(assigned == k).tolist()
        colour = COLOURS[(k - known) % len(COLOURS)]
        cluster = Cluster(key, system.card.categories[k], len(rows), len({videos[i] for i in rows}), colour)
        yield cluster, typical(by_cluster, clips, rows, k) if rows else []


def card(cluster: Cluster, picture: str, sound: str, heading: str = "h2") -> str:
    """A cluster as HTML, with the addresses of its picture and of its sound."""
    named = "" if cluster.name == cluster.key else f" <b>{html.escape(spoken(cluster.name))}</b>"
    mark = f'<i style="background:rgb{cluster.colour}"></i>'
    head = f"<{heading}>{mark}{cluster.key}{named}<small>{cluster.count}</small></{heading}>"
    if not cluster.clips:
        return f'{head}<p class="note">No clip belongs to it.</p>'
    image = f'<img src="{picture}" alt="{cluster.key}" loading="lazy">'
    return f'{head}{image}<audio controls preload="none" src="{sound}"></audio>'


def name_by_looking(model: str | Path, store: str | Path, folder: str | Path | None = None) -> tuple[str, ...]:
    """Make a gallery and ask on the terminal for a name of each cluster; an empty line leaves the present one.

    Args:
        model, store: see `make_gallery`.
        folder: of the gallery; beside the model file where None.

    Returns:
        One category a cluster.

    Raises:
        DsolError: see `make_gallery`; or the input ends too early: no name is changed then.
    """
    folder = Path(folder) if folder else naming.own_model(model).parent / "gallery"
    clusters = make_gallery(model, store, folder)
    say("Or type the names here: Enter leaves a name as it is, clusters of one name become one category.")
    told: dict[str, str] = {}
    for count, cluster in enumerate(clusters):
        try:
            said = _ask(f"{cluster.key}, {cluster.count} [{cluster.name}]: ")
        except (EOFError, UnicodeDecodeError):
            what = f"the input ended after {count} of {len(clusters)} clusters: no name was changed"
            raise DsolError("--interactive", what, f"name all, or edit {folder / NAMES} and give --names") from None
        except KeyboardInterrupt:
            say("\nNo name was changed")
            raise
        told |= {cluster.key: said} if said else {}
    names = naming.rename_model(model, told)
    _save_names(folder / NAMES, dict(zip((cluster.key for cluster in clusters), names, strict=True)))
    return names


def _ask(question: str) -> str:
    said = input(question).strip()
    if not sys.stdin.isatty():
        print(said)  # a terminal shows it already
    return said


def typical(system: ClusteringSystem, clips: Store, rows: Sequence[int], k: int) -> list[Example]:
    """The clips with the highest score of cluster k, of different videos first, outliers last.

    Args:
        system: whose cluster it is.
        clips: the store.
        rows: the clips in the cluster.
        k: its number.
    """
    videos = clips.column("video")
    some = by_turns(np.random.default_rng(0).permutation(rows).tolist(), videos)[:CANDIDATES]
    found: dict[int, Example] = {}
    for start in range(0, len(some), naming.BATCH):
        part = some[start : start + naming.BATCH]
        pictures = clips.middle_frames(part)
        batch = system.predict(pictures, np.stack([clips.sound(i) for i in part]), [str(i) for i in part])
        for i, picture, maps, score in zip(part, pictures, batch.maps, batch.score, strict=True):  # type: ignore
            found[i] = Example(i, picture, maps[k], float(score[k]))
    best = sorted(found, key=lambda i: -found[i].score)
    sure = [i for i in best if found[i].score >= SURE * found[best[0]].score]
    return [found[i] for i in (by_turns(sure, videos) + by_turns(best[len(sure) :], videos))[:SHOWN]]


def by_turns(rows: Iterable[int], videos: Sequence[str]) -> list[int]:
    """The first row of each video, then the second of each, and so on.

    Example:
        >>> by_turns([0, 1, 2, 3], ["a", "a", "a", "b"])
        [0, 3, 1, 2]
    """
    turn: Counter[str] = Counter()
    turns = {}
    for row in rows:
        turns[row] = turn[videos[row]]
        turn[videos[row]] += 1
    return sorted(turns, key=turns.__getitem__)


def sheet(shown: Sequence[Example], clips: Store, colour: Colour) -> Image.Image:
    """One picture of some clips: the cluster's heat map, and below each the video, its second and the score."""
    across = min(len(shown), ACROSS)
    width, height = TILE[0] + GAP, TILE[1] + CAPTION + GAP
    image = Image.new("RGB", (across * width + GAP, -(-len(shown) // across) * height + GAP), NIGHT)
    draw = ImageDraw.Draw(image)
    for n, example in enumerate(shown):
        left, top = GAP + n % across * width, GAP + n // across * height
        tile = Image.fromarray(example.picture).resize(TILE, Image.Resampling.BICUBIC)
        if example.map.max() > 0:
            draw_heat(tile, [(example.map, colour, 1.0)])
        image.paste(tile, (left, top))
        row, middle = clips.row(example.row), top + TILE[1] + CAPTION / 2
        score = f"{example.score:.2f}"
        words = _cut(
            legible(f"{Path(row.video).stem} {row.second} s"), TILE[0] - font(LETTERS).getlength(score) - 2 * GAP
        )
        draw.text((left, middle), words, SNOW, font(LETTERS, words), anchor="lm")
        draw.text((left + TILE[0], middle), score, colour, font(LETTERS), anchor="rm")
    return image


def _cut(words: str, width: float) -> str:
    """The end of a text that is too wide: there the names of videos differ."""
    if font(LETTERS, words).getlength(words) <= width:
        return words
    while font(LETTERS, f"…{words}").getlength(f"…{words}") > width:
        words = words[1:]
    return f"…{words}"


def one_after_another(shown: Sequence[Example], clips: Store) -> np.ndarray:
    """The sounds of some clips (n,) with pauses between, 16 kHz."""
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)
    return np.concatenate([part for example in shown for part in (clips.waveform(example.row), pause)])


def _file(key: str) -> str:
    return f"cluster-{int(key.split()[1]):02d}"


def _command(model: str | Path, folder: Path) -> str:
    """The command that names the model; of a shipped one, whose names are fixed, a copy."""
    file, copy = find_model(model), []
    if file.parent == SHIPPED:
        model = folder / "model.safetensors"
        copy = [shlex.join(["cp", str(file), str(model)])]
    return " && ".join([*copy, shlex.join(["dsol", "name", str(model), "--names", str(folder / NAMES)])])


def _body(clusters: Sequence[Cluster], model: str | Path, folder: Path) -> str:
    command = html.escape(_command(model, folder))
    told = (
        "<section><p>The heat map shows where the model localises the cluster. Below a picture: video, second, and the "
        "score of the cluster. The sounds come in the order of the pictures.</p>"
        f"<p>To name the clusters, edit <b>{NAMES}</b> beside this page, then run <code>{command}</code>. Clusters of "
        "one name become one category.</p></section>"
    )
    cards = (card(each, f"{_file(each.key)}.png", f"{_file(each.key)}.wav") for each in clusters)
    return told + "".join(f'<section class="cluster">{each}</section>' for each in cards)


def _write_names(file: Path, clusters: Sequence[Cluster]) -> None:
    """The present names, unless somebody has written others."""
    names = {cluster.key: cluster.name for cluster in clusters}
    try:
        other = file.exists() and json.loads(file.read_text(encoding="utf-8")) != names
    except (ValueError, RecursionError):
        other = True
    if other:
        say(f"{file} has other names and is not overwritten; delete it to write the present names")
    else:
        _save_names(file, names)


def _save_names(file: Path, names: dict[str, str]) -> None:
    file.write_text(json.dumps(names, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


_STYLE = """
.cluster h2{display:flex;align-items:baseline;gap:8px}
.cluster h2 i{width:12px;height:12px;border-radius:50%;flex:none}
.cluster small{color:var(--quiet);font-weight:400;margin-left:auto}
.cluster img{display:block;max-width:100%;border-radius:10px}
.cluster audio{display:block;width:100%;margin-top:12px}
code{overflow-wrap:anywhere}
main>section>p{margin:0}main>section>p+p{margin-top:10px}
"""
