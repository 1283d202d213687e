"""The examples do what they say."""

import importlib.util
from pathlib import Path

import numpy as np

from dsol import Boxes
from dsol.demo.toyband import make_toyband

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_boxes_come_back_from_label_studio_as_a_person_drew_them(trained, tmp_path, capsys):
    make_toyband(tmp_path / "toy", solos=0, duets=2, workers=1)
    example("correct_and_score").main(tmp_path / "toy" / "duet", str(trained), tmp_path / "work", protocol="solo")
    drawn, back = (
        Boxes.load(file) for file in (tmp_path / "toy" / "duet" / "boxes.json", tmp_path / "work" / "boxes.json")
    )
    there = {frame.key: sorted((b.category, b.sounding, b.xywh) for b in frame.boxes) for frame in back}
    assert set(there) == {frame.key for frame in drawn}
    for frame in drawn:
        wanted = sorted((b.category, b.sounding, b.xywh) for b in frame.boxes)
        assert [row[:2] for row in there[frame.key]] == [row[:2] for row in wanted]
        assert np.allclose([row[2] for row in there[frame.key]], [row[2] for row in wanted], atol=1e-6)
    assert "IoU@0.5" in capsys.readouterr().out
