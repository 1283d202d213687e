"""The way round, from videos to corrected boxes to a figure, with a program in the place of the person who corrects.

    dsol toyband toy --solos 22 --duets 4
    python examples/correct_and_score.py toy/duet small work

Localises the videos, hands the answer over as Label Studio's tasks, corrects these by the boxes that toyband knows,
reads them back as boxes.json, and scores the model by them. With a person it is the same, without `play_the_person`.
"""

import json
import sys
from pathlib import Path

from dsol import Boxes
from dsol.data.corrections import correct
from dsol.data.media import find_videos
from dsol.data.prepare import prepare
from dsol.evaluation.evaluate import evaluate
from dsol.localize import Localizer, Wanted, localize_videos


def play_the_person(task_file: Path, truth: Boxes) -> Path:
    """What Label Studio exports once a person has drawn each box and said whether it sounds."""
    (task,) = json.loads(task_file.read_text())
    fps, length_s = task["data"]["fps"], task["data"]["duration_s"]
    result = []
    for frame in (f for f in truth if task["data"]["dsol_video"].endswith(f.video)):
        start, end = (round(time_s * fps) + 1 for time_s in (frame.time_s, frame.time_s + 0.25))
        for n, box in enumerate(frame.boxes):
            sides = zip(("x", "y", "width", "height"), (100 * v for v in box.xywh), strict=True)
            at = {"frame": start, "enabled": True, **dict(sides)}
            key = f"{frame.key} {n}"
            value = {"framesCount": round(fps * length_s), "duration": length_s, "labels": [box.category],
                     "sequence": [at, {**at, "frame": end, "enabled": False}]}  # fmt: skip
            result.append({"id": key, "type": "videorectangle", "value": value})
            result.append({"id": key, "type": "choices", "value": {"choices": ["seen" if box.sounding else "silent"]}})
    export = task_file.with_name("export.json")
    export.write_text(json.dumps([{"data": task["data"], "annotations": [{"id": 1, "result": result}]}]))
    return export


def main(corpus: Path, model: str, work: Path, protocol: str = "duet") -> None:
    videos = find_videos(corpus)
    folders = localize_videos(videos, Localizer.load(model), work / "localized", Wanted("labelstudio", film=False))
    truth = Boxes.load(corpus / "boxes.json")
    exports = [play_the_person(folder / "labelstudio.json", truth) for folder in folders]
    correct(exports, work / "boxes.json", videos=corpus)
    prepare(corpus, work / "store", boxes=work / "boxes.json")
    print(evaluate(model, work / "store", protocol=protocol).table())


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
