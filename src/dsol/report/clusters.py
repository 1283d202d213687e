"""The object dictionary of a run: what each cluster looks and sounds like, and what it is confused with.

clips ─ assign ─▶ clusters ─┬─ the most typical clips ─▶ a picture and a sound each
                            └─ categories, or the strongest prediction ─▶ a table: who is taken for whom
"""

import html
import io
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np

from dsol.data.clip import SAMPLE_RATE
from dsol.data.store import Store
from dsol.evaluation.metrics import nmi
from dsol.localize.palette import spoken
from dsol.model.system import ClusteringSystem
from dsol.naming.gallery import by_turns, card, clusters_of, one_after_another, sheet
from dsol.naming.matching import cluster_table, match_clusters
from dsol.naming.naming import BATCH, under_keys
from dsol.progress import track
from dsol.report.sections import inside, jpeg, note, section

MOST_CLIPS = 2000  # that are assigned to clusters; of a larger store, spread over its videos
MOST_PREDICTED = 400  # of them, for what a cluster is taken for
MOST_COLUMNS = 40  # of the table
MP3_BITS, MP3_SAMPLES = 48_000, 576  # bits a second, and samples of one frame at 16 kHz


def some_clips(clips: Store) -> Store:
    """At most `MOST_CLIPS`, of different videos first."""
    return clips.take(sorted(by_turns(range(len(clips)), clips.column("video"))[:MOST_CLIPS]))


def dictionary(system: ClusteringSystem, clips: Store, assigned: np.ndarray) -> str:
    """A card for each cluster: its most typical clips as one picture, and their sounds.

    Args:
        system: the model; its names stand beside the clusters.
        clips: single-source clips.
        assigned: (N,) the cluster of each.
    """
    cards = []
    for cluster, shown in clusters_of(system, clips, assigned):
        picture = inside("image/jpeg", jpeg(sheet(shown, clips, cluster.colour))) if shown else ""
        sound = inside("audio/mpeg", mp3(one_after_another(shown, clips))) if shown else ""
        cards.append(f'<div class="cluster">{card(cluster, picture, sound, "h3")}</div>')
    told = (
        "The most typical clips of each cluster, of different videos first. The heat map shows where the model "
        "localises the cluster; below each picture: video, second, score. The sounds come in the order of the pictures."
    )
    return section("Dictionary", note(told) + "".join(cards))


def mp3(waveform: np.ndarray) -> bytes:
    """A sound (n,) float32 in [-1, 1], 16 kHz, as MP3: a tenth of its size, and every browser plays it."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as out:
        stream = out.add_stream("libmp3lame", rate=SAMPLE_RATE, layout="mono")
        stream.bit_rate = MP3_BITS
        for start in range(0, len(waveform), MP3_SAMPLES):
            part = np.ascontiguousarray(waveform[None, start : start + MP3_SAMPLES], np.float32)
            frame = av.AudioFrame.from_ndarray(part, "fltp", "mono")
            frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, Fraction(1, SAMPLE_RATE), start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def confusion(system: ClusteringSystem, clips: Store, assigned: np.ndarray) -> str:
    """A table of clusters: against the categories of the clips, or, without labels, against what the model predicts.

    Args:
        system, clips, assigned: as in `dictionary`.
    """
    labels = np.array([category is not None for category in clips.column("category")])
    if labels.any():
        known = np.flatnonzero(labels)
        categories = [clips.column("category")[i] for i in known]
        agreement = nmi(categories, assigned[known])
        told = f"Rows: clusters; columns: categories of the {len(known)} clips, which training did not use. "
        told += f"NMI {agreement:.2f}."
        return section("Confusion of clusters", _table(system, categories, assigned[known]) + note(told))
    rows = sorted(by_turns(range(len(clips)), clips.column("video"))[:MOST_PREDICTED])
    told = f"Rows: the cluster to which a clip belongs; columns: the one that the model predicts for it, {len(rows)} "
    told += "clips. The store has no labels."
    predicted = _predicted(system, clips, rows)
    return section("Confusion of clusters", _table(system, predicted, assigned[rows]) + note(told))


def _predicted(system: ClusteringSystem, clips: Store, rows: Sequence[int]) -> list[str]:
    """The cluster with the highest score for each of some clips."""
    by_cluster, found = under_keys(system), []
    for start in track(range(0, len(rows), BATCH), "Predicting clusters", unit="batches"):
        part = rows[start : start + BATCH]
        maps = by_cluster.predict(clips.middle_frames(part), np.stack([clips.sound(i) for i in part]), [""] * len(part))
        assert maps.score is not None, "a system with categories predicts scores"
        found += [by_cluster.card.categories[k] for k in maps.score.argmax(axis=1)]
    return found


def _table(system: ClusteringSystem, columns: Sequence[str], assigned: np.ndarray) -> str:
    """Counts, shaded by their share of the row; rows in the order of the columns that they match."""
    common = [name for name, _ in Counter(columns).most_common(MOST_COLUMNS)]
    names = [*sorted(common, key=_natural), *(["others"] if len(set(columns)) > MOST_COLUMNS else [])]
    place = {name: n for n, name in enumerate(names)}
    keys = under_keys(system).card.categories
    at = np.array([place.get(name, len(names) - 1) for name in columns])
    counts = cluster_table(at, assigned, len(names), len(keys))
    matched, used = match_clusters(counts), counts.sum(axis=0) > 0
    rows = [k for k in range(len(keys)) if used[k] or k >= system.card.known]
    order = sorted(rows, key=lambda k: (not used[k], matched[k], k))
    head = "".join(f'<th class="turned"><span>{html.escape(spoken(name))}</span></th>' for name in names)
    body = "".join(_row(keys[k], system.card.categories[k], counts[:, k]) for k in order)
    return f'<div class="wide"><table class="confusion"><thead><tr><th></th>{head}</tr></thead>{body}</table></div>'


def _natural(name: str) -> tuple[str, int]:
    """ "cluster 2" before "cluster 10"."""
    word, _, number = name.rpartition(" ")
    return (word, int(number)) if number.isdecimal() else (name, 0)


def _row(key: str, name: str, counts: np.ndarray) -> str:
    shares = counts / max(counts.sum(), 1)
    cells = "".join(
        f'<td style="--share:{share:.2f}">{count:.0f}</td>' if count else "<td></td>"
        for count, share in zip(counts, shares, strict=True)
    )
    told = "" if name == key else f" {html.escape(spoken(name))}"
    return f"<tr><th>{key}{told}</th>{cells}</tr>"
