"""The shipped model is there, small, quick to load, and answers."""

import subprocess
import sys
import time

import numpy as np
import pytest

from dsol import Localizer
from dsol.config import SHIPPED
from dsol.errors import DsolError
from dsol.model.file import find_model, halve, load_card, load_tensors
from tests.videos import write_video


def test_small_is_at_most_20_megabytes_and_has_a_card():
    assert (SHIPPED / "small.safetensors").stat().st_size <= 20e6
    card = (SHIPPED / "small.md").read_text()
    assert all(heading in card for heading in ("## Data", "## Licence", "## Figures", "## Build it again"))


def test_small_knows_eleven_instruments_by_name_and_loads_quickly():
    start = time.monotonic()
    localizer = Localizer.load("small")
    assert time.monotonic() - start < 5  # one second on an idle machine; tests share theirs
    assert load_card(find_model("small")).named
    assert len(set(localizer.system.categories)) == 11
    assert 0 < localizer.threshold < 1


def test_a_name_that_is_not_shipped_says_what_is():
    with pytest.raises(DsolError, match="small"):
        Localizer.load("large")


def test_half_precision_changes_the_weights_little(trained, tmp_path):
    halve(trained / "model.safetensors", tmp_path / "half.safetensors", threshold=0.25)
    assert load_card(tmp_path / "half.safetensors").threshold == 0.25
    whole, half = load_tensors(trained / "model.safetensors"), load_tensors(tmp_path / "half.safetensors")
    assert (tmp_path / "half.safetensors").stat().st_size < 0.7 * (trained / "model.safetensors").stat().st_size
    assert whole.keys() == half.keys()
    for name, tensor in whole.items():
        assert half[name].dtype == tensor.dtype
        assert np.allclose(half[name].numpy(), tensor.numpy(), rtol=1e-3, atol=1e-3)


def test_localize_needs_no_model_of_ones_own(tmp_path):
    def picture(time_s, width, height):
        return np.full((height, width, 3), 90, np.uint8)

    def sound(times_s):
        return (0.3 * np.sin(2 * np.pi * 440 * times_s)).astype(np.float32)

    write_video(tmp_path / "tone.mp4", 2.0, (96, 64), 8, picture, sound, layout="mono")
    words = [sys.executable, "-m", "dsol", "localize", str(tmp_path / "tone.mp4"), "--out", str(tmp_path / "out")]
    subprocess.run(words, check=True, capture_output=True)
    assert (tmp_path / "out" / "tone" / "localized.mp4").stat().st_size > 0


def test_a_model_file_is_as_readable_as_any_other_and_none_is_left_half_written(trained, tmp_path):
    model, plain = tmp_path / "model.safetensors", tmp_path / "plain"
    halve(trained / "model.safetensors", model)
    plain.touch()
    assert model.stat().st_mode == plain.stat().st_mode
    with pytest.raises(DsolError, match=r"model\.safetensors: cannot be written: No such file"):
        halve(model, tmp_path / "none" / "model.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DsolError, match="cannot be written"):
        halve(model, tmp_path / "folder")
    assert not (tmp_path / "folder.partial").exists()
