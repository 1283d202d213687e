"""`dsol export`: a model as one ONNX file, for machines and languages without torch.

    pictures (B, 3, S, S) ┐                 ┌ area (B, H, W)
                          ├─ towers, answer ┼ maps (B, K, H, W)
    waveforms (B, 16000) ─┘                 └ score (B, K)

Spectrogram, mirror image, smoothing and the joining of clusters of one name are inside. The file's metadata holds the
model card, so that `dsol localize` and `dsol evaluate` take it like any model.
"""

import copy
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dsol.clip import SAMPLE_RATE
from dsol.errors import DsolError, check_installed
from dsol.progress import say
from dsol.systems import load_system
from dsol.systems.exported import INPUTS, OUTPUTS, ExportedSystem
from dsol.systems.model_file import card_text
from dsol.systems.ours import OurSystem

TRIED = 3  # pictures with sounds on which both must answer alike
MOST_APART = 1e-3  # of maps and scores in [0, 1]


def export(model: str | Path, out: str | Path) -> Path:
    """Write a model as an ONNX file, and check that ONNX Runtime answers as torch does.

    Args:
        model: model file, run folder or the name of a shipped model.
        out: the file to write, `.onnx`; it is written whole or not at all.

    Raises:
        DsolError: no model of ours, a wrong name, packages that are missing, or answers that differ.

    Example:
        >>> export("small", "small.onnx")                                              # doctest: +SKIP
    """
    check_installed("export", "onnx", "onnxscript", "onnxruntime")
    out = Path(out)
    if out.suffix != ".onnx":
        raise DsolError(out, "is no name for an ONNX file", "give one that ends in .onnx")
    system = load_system(model, sources=1)
    if not isinstance(system, OurSystem):
        raise DsolError(model, "cannot be exported", "give a model of the system dsol")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial.onnx")
    try:
        answer = Answer(system)
        _write(answer, partial)
        apart = largest_difference(answer, ExportedSystem.load(partial))
        if apart > MOST_APART:
            raise DsolError(model, f"answers otherwise when exported, by {apart:.1g}", "please report it")
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
    say(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {len(answer.kept)} categories, pictures of {answer.side} pixels")
    say(f"torch and ONNX Runtime answer alike within {apart:.1g}")
    return out


class Answer(nn.Module):
    """What is exported: all between a picture with its sound and the answer, one map a category.

    Args:
        system: ours.
    """

    def __init__(self, system: OurSystem):
        super().__init__()
        self.network = system.network.cpu()
        self.system = copy.copy(system)
        self.system.towers = self.network.towers  # not folded: pieces of a batch would fix its size
        options = system.network.config.stage_two
        enlarged = options.enlarge if options.answer == "objects" else 0
        self.side = self.system.size = max(system.size, enlarged)
        self.kept = [k for k, name in enumerate(system.categories) if system.categories.index(name) == k]
        self.card = replace(system.card, categories=tuple(system.categories[k] for k in self.kept))

    def forward(self, pictures: Tensor, waveforms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures (B, 3, S, S) in [0, 1] and waveforms (B, 16000) to area, maps and score."""
        heard = self.system.towers.hear(self.system.towers.spectrogram(waveforms))
        area, maps, score = self.system.answers(self.system.views(pictures), heard)
        return area, maps[:, self.kept], score[:, self.kept]


def largest_difference(answer: Answer, exported: ExportedSystem) -> float:
    """Largest difference between any two numbers that torch and ONNX Runtime answer, on made-up pictures and sounds."""
    pictures, waveforms = _question(answer.side, TRIED)
    with torch.inference_mode():
        wanted = answer(pictures, waveforms)
    found = exported.run(pictures.numpy(), waveforms.numpy())
    return max(float(np.abs(a.numpy() - b).max()) for a, b in zip(wanted, found, strict=True))


def _write(answer: Answer, path: Path) -> None:
    example, batch = _question(answer.side, 2), torch.export.Dim("B")
    shapes = {name: {0: batch} for name in INPUTS}
    names = {"input_names": INPUTS, "output_names": OUTPUTS}
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            answer.eval(), example, dynamo=True, dynamic_shapes=shapes, verbose=False, external_data=False, **names
        )
        assert program is not None, "torch answers with None to the exporter of old alone"
        program.model.metadata_props["dsol"] = card_text(answer.card)
        program.save(path)


def _question(side: int, count: int) -> tuple[Tensor, Tensor]:
    """Made-up pictures (count, 3, side, side) and sounds (count, 16000), tones in noise: the same every time."""
    random = np.random.default_rng(0)
    pictures = np.repeat(np.repeat(random.random((count, 3, side // 16, side // 16)), 16, axis=2), 16, axis=3)
    tones = np.sin(np.outer(2 ** random.uniform(8, 11, count), 2 * np.pi * np.arange(SAMPLE_RATE) / SAMPLE_RATE))
    waveforms = 0.3 * tones + 0.01 * random.standard_normal(tones.shape)
    return torch.from_numpy(pictures).float(), torch.from_numpy(waveforms).float()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's notes on its exporter, which tell users nothing that they could do something about."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
