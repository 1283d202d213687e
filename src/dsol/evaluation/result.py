"""The outcome of an evaluation: figures, intervals and baselines, as JSON and as a table for people."""

from dataclasses import dataclass, field

METRICS = ("iou@0.5", "ciou@0.3", "auc", "class_iou", "nsa", "silent_auroc", "nmi")
BASELINES = ("whole_image", "best_centred_box", "random", "swapped_sound")
SPOKEN = {
    "iou@0.5": "IoU@0.5", "auc": "AUC", "ciou@0.3": "CIoU@0.3", "nsa": "NSA", "nmi": "NMI",
    "adaptive_iou@0.5": "adaptive IoU@0.5", "adaptive_auc": "adaptive AUC", "iiou@0.5": "IIoU@0.5", "iauc": "IAUC",
    "adaptive_iiou@0.5": "adaptive IIoU@0.5", "adaptive_iauc": "adaptive IAUC", "cap": "CAP", "piap": "PIAP",
    "j": "J", "f": "F", "ap": "AP", "max_f1": "max-F1", "class_iou": "mean class IoU", "silent_auroc": "silent AUROC",
    "single_sound_iou@0.5": "single-sound IoU@0.5", "single_sound_auc": "single-sound AUC",
    "mixed_sound_iou@0.5": "mixed-sound IoU@0.5", "mixed_sound_auc": "mixed-sound AUC",
    "multi_entity_iou@0.5": "multi-entity IoU@0.5", "multi_entity_auc": "multi-entity AUC",
    "off_screen_tn": "off-screen TN", "off_screen_fp": "off-screen FP", "predicted_own": "predicted, own sound",
    "fpr_silence": "FPR, silence", "fpr_noise": "FPR, noise", "fpr_other_sound": "FPR, mismatched sound", "fpr": "FPR",
    "whole_image": "whole image", "best_centred_box": "centred box", "random": "random",
    "swapped_sound": "mismatched sound", "by_ear": "sound alone", "by_eye": "picture alone",
    "in_vocabulary": "in vocabulary", "mismatch_auroc": "mismatch AUROC", "off_screen_auroc": "off-screen AUROC",
}  # fmt: skip
SCENES_NOTE = "Scenes share videos: intervals draw the source videos of what sounds, and those are counted here."
NSA_NOTE = "NSA: a map that is empty everywhere scores 100. Read it beside the other figures, never alone."

Figures = dict[str, float | None]


@dataclass(frozen=True)
class Evaluation:
    """What `score` found. All figures are fractions of one; None where a protocol does not define one.

    Attributes:
        protocol: its name.
        says: what it computes, one line.
        frames, videos: how many were scored; of composed scenes, the source videos of what sounds in them.
        metrics: the figures, always with the keys `METRICS`; a protocol's own figures follow them.
        ci95: [low, high] over videos of the same keys, None where there is none.
        floors: what the baselines score, always with the keys `BASELINES`; "swapped_sound" is None unless given.
        ahead: of each baseline, [low, high] of the same keys: the 95 % interval over videos of the figure minus the
            baseline's, both on the same videos in every draw. Above 0: clearly ahead.
        per_category: of every category that sounds: objects, mean class IoU, success rate, AUC, NSA.
        notes: what people must know to read the figures, a line each.
    """

    protocol: str
    says: str
    frames: int
    videos: int
    metrics: Figures
    ci95: dict[str, list[float] | None]
    floors: dict[str, Figures | None]
    ahead: dict[str, dict[str, list[float] | None] | None] = field(default_factory=dict)
    per_category: dict[str, Figures] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict:
        """A dict of plain numbers whose keys are the same for every protocol."""
        return {name: value for name, value in vars(self).items() if name not in ("says", "notes")}

    def table(self) -> str:
        """Percent, for people: each figure with its interval and the baselines beside it.

        Example:
            >>> print(evaluation.table())                                        # doctest: +SKIP
            solo: one localisation map a frame; threshold 0.1 of the map's maximum
            12,356 frames of 27 videos; percent, [95 % interval over videos]
            <BLANKLINE>
                            result                whole image  centred box  random
            IoU@0.5           51.4  [42.0, 60.1]         15.4         23.5    14.9
        """
        counted = f"{self.frames:,} frames of {self.videos:,} videos; percent, [95 % interval over videos]"
        parts = [f"{self.protocol}: {self.says}", counted, "", *self._figures()]
        if any(self.ahead.values()):
            parts += ["", *self._ahead()]
        if self.notes:
            parts += ["", *self.notes]
        if len(self.per_category) > 1:
            parts += ["", *self._categories()]
        return "\n".join(line.rstrip() for line in parts)

    def _figures(self) -> list[str]:
        floors = [(name, found) for name, found in self.floors.items() if found is not None]
        rows = [["", "result", "", *(SPOKEN[name] for name, _ in floors)]]
        for name, found in self.metrics.items():
            if found is not None:
                beside = [_percent(figures.get(name)) for _, figures in floors]
                rows.append([SPOKEN.get(name, name), _percent(found), _interval(self.ci95.get(name)), *beside])
        return aligned(rows)

    def _ahead(self) -> list[str]:
        shown = [(name, edges) for name, edges in self.ahead.items() if edges]
        rows = [["ahead of", *(SPOKEN[name] for name, _ in shown)]]
        for name, found in self.metrics.items():
            cells = [_interval(edges.get(name)) for _, edges in shown]
            if found is not None and any(cells):
                rows.append([SPOKEN.get(name, name), *cells])
        return aligned(rows)

    def _categories(self) -> list[str]:
        names = list(dict.fromkeys(name for row in self.per_category.values() for name in row))
        shown = [n for n in names if any(row.get(n) is not None for row in self.per_category.values())]
        rows = [["category", *(SPOKEN.get(n, n) for n in shown)]]
        for category, row in self.per_category.items():
            cells = (f"{row[n]:,.0f}" if n == "objects" else _percent(row.get(n)) for n in shown)
            rows.append([category, *cells])
        return aligned(rows)


def _percent(figure: float | None) -> str:
    return "–" if figure is None else f"{100 * figure:.1f}"


def _interval(edges: list[float] | None) -> str:
    return "" if edges is None else f"[{100 * edges[0]:.1f}, {100 * edges[1]:.1f}]"


def aligned(rows: list[list[str]], heads: int = 1) -> list[str]:
    """Columns of equal width as lines: the first few, texts, to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(c.ljust(w) if n < heads else c.rjust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
