"""Corrected boxes put to all their uses: the videos are held out, the rest trains, and the figure is of the held out.

    dsol localize videos/*.mp4 --no-video --format labelstudio --out localized      # then correct, and export
    python examples/correct_and_retrain.py videos export.json work

The export is one of Label Studio, CVAT or a COCO tool (docs/formats.md). A video in which a person looked at boxes is
never trained on; where one category alone sounds in it, its seconds name the clusters of a second store instead.
"""

import sys
from pathlib import Path

import dsol
from dsol.data.corrections import correct
from dsol.naming.naming import name_model


def main(videos: Path, export: Path, work: Path, recipe: str = "best", protocol: str = "duet") -> dict:
    """Returns the figures of the new model on the corrected videos."""
    work.mkdir(parents=True, exist_ok=True)
    correct([export], work / "boxes.json", videos=videos)
    boxes = dsol.Boxes.load(work / "boxes.json")
    print(f"{len(boxes)} frames of {len({frame.video for frame in boxes})} videos are corrected")

    dsol.prepare(videos, work / "store", boxes=work / "boxes.json", boxes_for="holding-out")
    dsol.train(work / "store", work / "run", recipe, resume=True)
    dsol.prepare(videos, work / "named", boxes=work / "boxes.json", boxes_for="naming")
    print("clusters:", ", ".join(name_model(work / "run", work / "named")))

    result = dsol.evaluate(work / "run", work / "store", protocol=protocol)
    print(result.table())
    return result.to_json()


if __name__ == "__main__":  # dsol.prepare starts processes
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
