"""The threshold of a trained model, from scenes composed of training clips: their sources are known without labels."""

import numpy as np

from dsol.data.store import Store
from dsol.model.dsol_system import DsolSystem
from dsol.training.batches import read

CALIBRATED_ON = 100  # scenes, with four objects each


def calibrate(system: DsolSystem, scenes: Store, labels: dict[str, int], workers: int) -> tuple[float, float | None]:
    """The score that best separates sounding from silent objects, on composed scenes, whose sources are known.

    Args:
        system: what to calibrate.
        scenes: scenes with their source clips.
        labels: pseudo-label of each source clip.
        workers: processes that read.

    Returns:
        Threshold and its balanced accuracy; (0.5, None) where the scenes do not say what sounds.
    """
    from sklearn.metrics import roc_curve

    rows = [i for i, row in enumerate(scenes.rows) if row.sources and all(s in labels for s in row.sources)]
    rows = rows[:CALIBRATED_ON]
    if not rows:
        return 0.5, None
    batches = [[(i, 0) for i in rows[j : j + 16]] for j in range(0, len(rows), 16)]
    scores, truth = [], []
    for picks, (frames, waveforms) in zip(batches, read(scenes, batches, workers), strict=True):
        found = system.predict(list(frames.numpy()), waveforms.numpy(), [""] * len(picks))
        for (i, _), score in zip(picks, found.score, strict=True):  # type: ignore[arg-type]
            row = scenes.rows[i]
            scores += [score[labels[s]] for s in row.sources]
            truth += list(row.source_sounds)
    false_hits, hits, thresholds = roc_curve(truth, scores)
    best = int(np.argmax(hits - false_hits))
    return float(np.clip(thresholds[best], 0, 1)), float((hits[best] + 1 - false_hits[best]) / 2)
