"""Who sounds when and where in one video, from Python.

    python examples/localize_a_video.py party.mp4 runs/band/model.safetensors

Prints who sounds when, and writes party_found.mp4, party_found.png and party_found.json beside the video.
`dsol localize` does the same for many videos of any length.
"""

import json
import sys
from pathlib import Path

from dsol.localize import Localizer, draw_timeline, render


def main(video: Path, model: Path) -> None:
    localizer = Localizer.load(model)
    found = localizer(video)
    print(f"{len(found.times_s)} answers, maps {found.maps.shape}, threshold {found.threshold:g}")

    timeline = found.timeline()
    for segment in timeline.segments():
        print(f"{segment.start_s:7.2f} to {segment.end_s:7.2f} s  {segment.score:4.0%}  {segment.category}")

    for frame in list(found.boxes())[:4]:
        for box in frame.boxes:
            left, top, width, height = box.xywh
            print(f"{frame.time_s:.2f} s: {box.category} at {left:.2f}, {top:.2f}, {width:.2f} wide, {height:.2f} high")

    beside = video.with_name(f"{video.stem}_found")
    render(found, video, beside.with_suffix(".mp4"))
    draw_timeline(timeline, beside.with_suffix(".png"))
    beside.with_suffix(".json").write_text(json.dumps(found.to_json()))
    print(f"wrote {beside}.mp4, .png and .json")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
