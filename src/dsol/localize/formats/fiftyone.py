"""FiftyOne: stretches as temporal detections of a video. The boxes go there as COCO does, see docs/formats.md.

fo.Dataset.from_dir(data_path="videos", labels_path="fiftyone.json",
                    dataset_type=fo.types.FiftyOneTemporalDetectionDataset)
"""

import json
from pathlib import Path

from dsol.localize.localization import Timeline


def write_fiftyone(timeline: Timeline, path: Path) -> None:
    """fiftyone.json: FiftyOneTemporalDetectionDataset; a video is called by its name without suffix."""
    places = {name: k for k, name in enumerate(timeline.categories)}
    found = [
        {"label": places[s.category], "timestamps": [round(s.start_s, 3), round(s.end_s, 3)],
         "confidence": round(s.score, 4), "attributes": {"state": s.state, "object": s.name}}
        for s in timeline.stretches()
    ]  # fmt: skip
    content = {"classes": list(timeline.categories), "labels": {Path(timeline.video).stem: found}}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
