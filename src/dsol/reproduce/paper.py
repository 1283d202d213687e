"""The paper's tables 1 to 5: the figures that it prints, and what each of its rows changes in a training run.

Source: Hu et al., "Discriminative Sounding Objects Localization via Self-supervised Audiovisual Matching",
NeurIPS 2020, section 4. All figures in percent, NMI too, which the paper prints as a fraction; None where it
prints a dash.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

OURS = "dsol"  # as model cards call it


CLUSTERS = {"music": 11, "audioset": 13}  # K of each training: AudioSet's boxes are of 13 of the 15 named categories


@dataclass(frozen=True)
class DataSet:
    """Something to score on.

    Attributes:
        name: the paper's.
        protocol: how it is scored, see `dsol.evaluation.protocols`.
        training: "music" or "audioset": whose clips a model for it is trained on, since the paper trains and scores
            on the same data set.
        stores: names of the stores that may hold it, the first that is given counts.
        sources: how many objects sound in its frames, given to a system that cannot infer it (DMC).
    """

    name: str
    protocol: str
    training: str
    stores: tuple[str, ...]
    sources: int


DATA = {
    "solo": DataSet("MUSIC-solo", "solo", "music", ("solo", "store"), 1),
    "synthetic": DataSet("MUSIC-Synthetic", "synthetic", "music", ("scenes",), 2),
    "duet": DataSet("MUSIC-duet", "duet", "music", ("duet",), 2),
    "audioset_solo": DataSet("AudioSet-instrument-solo", "solo", "audioset", ("audioset",), 1),
    "audioset_multi": DataSet("AudioSet-instrument-multi", "audioset", "audioset", ("audioset_multi",), 2),
}


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        head: what stands before the figures, one text a column.
        paper: the figures of each data set, in the order of the table's metrics.
        system: what was trained, as model cards call it.
        changes: options that the row sets, by their names on the command line of `dsol train`.
    """

    head: tuple[str, ...]
    paper: Mapping[str, tuple[float | None, ...]]
    system: str = OURS
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        number: the paper's.
        says: its caption, in our words.
        heads: names of the columns before the figures.
        metrics: of each data set, as `dsol evaluate` names them.
        rows: from top to bottom.
    """

    number: int
    says: str
    heads: tuple[str, ...]
    metrics: Mapping[str, tuple[str, ...]]
    rows: tuple[Row, ...]

    @property
    def compares(self) -> bool:
        """Whether it compares systems, and so shows external runs."""
        return any(row.system != OURS for row in self.rows)


SOLO = ("iou@0.5", "auc")
SCENES = ("ciou@0.3", "auc", "nsa")
MUSIC_SCENES = {"synthetic": SCENES, "duet": SCENES}
SYSTEMS = {
    "sound_of_pixels": "Sound-of-pixel",
    "object_that_sound": "Object-that-sound",
    "attention": "Attention",
    "dmc": "DMC",
    OURS: "Ours",
}


def _rows(sets: Mapping[str, tuple[str, ...]], row_of: Callable[[Any], tuple], figures: Mapping[Any, list]) -> tuple:
    """Rows from what each changes: the figures of one set after the other.

    Args:
        sets: metrics of each data set.
        row_of: from what a row changes to its head, system and options.
        figures: of each row.
    """
    rows = []
    for changed, values in figures.items():
        assert len(values) == sum(map(len, sets.values())), changed
        head, system, changes = row_of(changed)
        left = iter(values)
        rows.append(Row(head, {name: tuple(islice(left, len(of))) for name, of in sets.items()}, system, changes))
    return tuple(rows)


def _of_system(name: str) -> tuple:
    return (SYSTEMS[name],), name, {}


def _of_switches(switches: tuple[bool, bool, bool]) -> tuple:
    localization, product, matching = switches
    changes = {} if localization else {"stage_two.localization_weight": 0.0}
    changes |= {"stage_two.product": product, "stage_two.use_matching": matching}
    return tuple("yes" if on else "no" for on in switches), OURS, changes


MASK_AND_CLUSTERS = ("clustering.mask_threshold", "clustering.clusters")
_TABLE_1 = {"solo": SOLO, "audioset_solo": SOLO}
_TABLE_2 = {**MUSIC_SCENES, "audioset_multi": SCENES}
_TABLE_4 = {"solo": ("nmi", *SOLO), **MUSIC_SCENES}

TABLES = {
    table.number: table
    for table in (
        Table(1, "Localisation of a single source", ("Method",), _TABLE_1, _rows(_TABLE_1, _of_system, {
            "sound_of_pixels": [40.5, 43.3, 38.2, 40.6],
            "object_that_sound": [26.1, 35.8, 32.7, 39.5],
            "attention": [37.2, 38.7, 36.5, 39.5],
            "dmc": [29.1, 38.0, 32.8, 38.2],
            OURS: [51.4, 43.6, 38.9, 40.9],
        })),
        Table(2, "Localisation in scenes of several objects", ("Method",), _TABLE_2, _rows(_TABLE_2, _of_system, {
            "sound_of_pixels": [8.1, 11.8, 97.2, 16.8, 16.8, 92.0, 39.8, 27.3, 88.8],
            "object_that_sound": [3.7, 10.2, 19.8, 13.2, 18.3, 15.7, 27.1, 21.9, 16.5],
            "attention": [6.4, 12.3, 77.9, 21.5, 19.4, 54.6, 29.9, 23.5, 4.5],
            "dmc": [7.0, 16.3, None, 17.3, 21.1, None, 32.0, 25.2, None],
            OURS: [32.3, 23.5, 98.5, 30.2, 22.1, 83.1, 48.7, 29.7, 56.8],
        })),
        Table(3, "The weight λ of the localisation loss in stage two", ("λ",), MUSIC_SCENES,
              _rows(MUSIC_SCENES, lambda weight: ((f"{weight}",), OURS, {"stage_two.localization_weight": weight}), {
                  0.3: [11.0, 15.0, 94.6, 33.7, 23.9, 81.7],
                  0.5: [32.3, 23.5, 98.5, 30.2, 22.1, 83.1],
                  0.8: [27.9, 21.4, 96.2, 26.5, 21.7, 79.9],
                  1.0: [28.6, 21.1, 96.5, 33.2, 22.9, 83.1],
                  1.5: [13.2, 15.4, 94.1, 24.5, 20.0, 84.6],
              })),
        Table(4, "Mask threshold and number of clusters in stage one", ("Mask", "Clusters"), _TABLE_4,
              _rows(_TABLE_4, lambda of: (tuple(map(str, of)), OURS, dict(zip(MASK_AND_CLUSTERS, of, strict=True))), {
                  (0.05, 11): [74.8, 51.4, 43.6, 32.3, 23.5, 98.5, 30.2, 22.1, 83.1],
                  (0.03, 11): [75.2, 49.2, 45.3, 31.4, 24.2, 96.2, 29.3, 22.0, 81.7],
                  (0.07, 11): [75.3, 43.1, 40.7, 32.1, 24.0, 94.5, 29.7, 21.6, 80.3],
                  (0.05, 13): [73.5, 47.6, 43.7, 33.8, 24.0, 96.2, 30.3, 21.9, 83.2],
                  (0.05, 20): [72.0, 44.6, 45.4, 29.5, 22.2, 98.9, 28.9, 20.1, 84.2],
              })),
        Table(5, "Parts of stage two: L1, product with the localisation map, Lc", ("L1", "Prod", "Lc"), MUSIC_SCENES,
              _rows(MUSIC_SCENES, _of_switches, {
                  (False, False, True): [0.0, 7.2, 91.0, 20.8, 15.9, 78.0],
                  (True, False, True): [2.6, 7.5, 88.1, 20.6, 20.2, 79.6],
                  (True, True, False): [18.0, 17.4, 92.9, 22.4, 19.2, 85.0],
                  (True, True, True): [32.3, 23.5, 98.5, 30.2, 22.1, 83.1],
              })),
    )
}  # fmt: skip
