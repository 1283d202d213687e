"""Do the official boxes give the published counts, and the floors that docs/evaluation.md prints?

    DSOL_DATA=... python benchmarks/official_boxes.py

The files are looked for in $DSOL_DATA/annotations. Exits with 1 where a number is another one.
"""

import os
import sys
from pathlib import Path

from dsol.data.corpora.annotations import read_boxes
from dsol.evaluation.blind import best_centred_box
from dsol.evaluation.bootstrap import value
from dsol.evaluation.protocols import protocol_named
from dsol.evaluation.score import statistics_of
from dsol.evaluation.truth import truth_of

# file, protocol, (frames, videos, boxes), percent of the best centred box: success rate and AUC
EXPECTED = [
    ("solotest.json", "solo", (13_472, 27, 12_356), (23.5, 37.7)),
    ("duettest.json", "duet", (11_512, 16, 15_035), (21.4, 22.9)),
    ("audioset_box.json", "audioset", (4_503, 566, 7_403), None),
]


def main() -> int:
    folder = Path(os.environ.get("DSOL_DATA", ".")) / "annotations"
    agree = True
    for name, protocol, counts, floor in EXPECTED:
        boxes, plan = read_boxes(folder / name), protocol_named(protocol)
        found = (len(boxes), len({f.video for f in boxes}), sum(len(f.boxes) for f in boxes))
        truth = truth_of(boxes, united=plan.united)
        statistics = statistics_of(best_centred_box(truth, plan), truth, plan)
        reached = tuple(round(100 * value(statistics[key], truth.groups), 1) for key in (plan.success, "auc"))
        agree &= found == counts and (floor is None or reached == floor)
        print(
            f"{name}: {found} frames, videos, boxes; {len(truth.keys)} scored; "
            f"best centred box {plan.success} {reached[0]}, AUC {reached[1]}; expected {counts}, {floor}"
        )
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
