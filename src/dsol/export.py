"""`dsol export`: a model as one ONNX file, for machines and languages without torch.

    pictures (B, 3, S, S) ┐               ┌ area (B, H, W), the localisation map
                          ├── predictor ──┼ maps (B, K, H, W)
    waveforms (B, 16000) ─┘               └ score (B, K)

Spectrogram, test-time augmentation, refinement and the joining of clusters of one name are inside; `general` also says
what is heard and what is seen. The file's metadata holds the model card, so that `dsol localize` and `dsol evaluate`
accept it like any model.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from dsol.data.clip import SAMPLE_RATE
from dsol.errors import DsolError, check_installed
from dsol.files import whole
from dsol.model.dsol_system import DsolSystem
from dsol.model.file import ModelCard, card_text
from dsol.model.general import GeneralSystem
from dsol.model.general_predictor import GeneralPredictor
from dsol.model.half import halved
from dsol.model.onnx import ORIGINAL, ROWS, ExportedSystem, outputs_of
from dsol.model.onnx_file import SUFFIX, is_onnx
from dsol.model.predictor import Predictor
from dsol.model.system import load_system
from dsol.progress import say

if TYPE_CHECKING:
    import onnx_ir as ir

TRIED = 3  # pictures with sounds on which both predictions must agree
MOST_APART = 1e-3  # of localisation maps, class maps and scores, all in [0, 1]


def export(model: str | Path, out: str | Path, weights: str | Path | None = None) -> Path:
    """Write a model as an ONNX file, and check that ONNX Runtime predicts the same as torch.

    Args:
        model: model file, run folder or the name of a shipped model.
        out: the file to write, `.onnx`; it is written whole or not at all.
        weights: the model file, where `out` is to stand beside it for good and to read its weights there, not to hold
            them a second time, as those of the shipped models do. Such a form takes fewer pictures than sounds, too:
            its third input says the picture of each.

    Raises:
        DsolError: no model of ours, a file that cannot be written, missing packages, or predictions that differ.

    Example:
        >>> export("small", "small.onnx")                                              # doctest: +SKIP
    """
    check_installed("dsol export", "export", "onnx", "onnxscript")
    out = Path(out)
    system = _system_to_export(model)
    with _place_for(out) as partial:
        say(f"Exporting {model}, a model of usual size takes a minute")
        predictor, card = _to_write(system)
        _write(predictor, card, partial, rows=weights is not None)
        halved(partial, Path(weights) if weights else None)
        apart = largest_difference(system, ExportedSystem.load(partial))
        if not apart <= MOST_APART:  # also where it is NaN
            raise DsolError(model, f"predicts differently when exported, by {apart:.1g}", "please report it")
    size = f"{out.stat().st_size / 1e6:.1f} MB"
    say(f"{out}: {size}, {len(card.categories)} categories, pictures of {predictor.size} pixels")
    say(f"torch and ONNX Runtime agree within {apart:.1g}")
    return out


def largest_difference(system: DsolSystem | GeneralSystem, exported: ExportedSystem) -> float:
    """Largest difference between any two numbers that a model and the file made of it predict, on made-up pictures of
    noise with tones."""
    random = np.random.default_rng(0)
    frames = list(random.integers(0, 256, (TRIED, exported.size, exported.size, 3), np.uint8))
    pitch_hz = 2 ** random.uniform(8, 11, (TRIED, 1))
    waveforms = 0.3 * np.sin(2 * np.pi * pitch_hz * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    inputs = frames, waveforms, [str(n) for n in range(TRIED)]
    wanted, found = system.predict(*inputs), exported.predict(*inputs)
    pairs = [(getattr(wanted, part), getattr(found, part)) for part in outputs_of(exported.card)]
    if any((np.isnan(one) != np.isnan(other)).any() for one, other in pairs):
        return float("nan")
    return max(float(np.nanmax(np.abs(one - other))) for one, other in pairs)


def _system_to_export(model: str | Path) -> DsolSystem | GeneralSystem:
    if is_onnx(model):
        raise DsolError(model, "is exported already", ORIGINAL)
    system = load_system(model, sources=1)
    if not isinstance(system, DsolSystem | GeneralSystem):
        raise DsolError(model, "cannot be exported", "give a model of the system dsol, or general")
    return system


def _to_write(system: DsolSystem | GeneralSystem) -> tuple[Predictor | GeneralPredictor, ModelCard]:
    """The predictor of a system, its batch norms not folded, which would fix the batch; its input is not resized."""
    if isinstance(system, GeneralSystem):
        return GeneralPredictor(system.network, fold=False), system.card
    predictor = Predictor(system.network.cpu(), system.card.categories, system.predictor.options, fold=False)
    predictor.size = predictor.encoded_size
    return predictor, replace(system.card, categories=predictor.names)


@contextmanager
def _place_for(out: Path) -> Iterator[Path]:
    """A file beside `out` to write to, which replaces it on success."""
    if not is_onnx(out) or out.is_dir():
        raise DsolError(out, "is no name for an ONNX file", f"give a file that ends in {SUFFIX}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole(out) as partial:
            partial.touch()
            yield partial
    except OSError as error:
        what = f"cannot be written: {(error.strerror or str(error)).lower()}"
        raise DsolError(out, what, "choose another place, or free some space") from None


def _write(predictor: Predictor | GeneralPredictor, card: ModelCard, path: Path, rows: bool) -> None:
    count = 3 if rows else 2
    example = [torch.zeros(2, 3, predictor.size, predictor.size), torch.zeros(count, SAMPLE_RATE)]
    sounds = torch.export.Dim("B")
    shapes = {"pictures": {0: torch.export.Dim("P") if rows else sounds}, "waveforms": {0: sounds}}
    if rows:
        example.append(torch.zeros(count, dtype=torch.int64))
        shapes[ROWS] = {0: sounds}
    names = {"input_names": list(shapes), "output_names": outputs_of(card)}
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            predictor.eval(),
            tuple(example),
            dynamo=True,
            dynamic_shapes=shapes,
            verbose=False,
            external_data=False,
            optimize=False,  # ONNX Runtime does it, and weights stay as they are in the model file
            **names,
        )
        assert program is not None, "torch returns None from its old exporter only"
        _tidy(program.model)
        program.model.metadata_props["dsol"] = card_text(card)
        program.save(path)


def _tidy(model: "ir.Model") -> None:
    """Without functions and computed constants, between which ONNX Runtime does not see a convolution and its batch
    norm, and without torch's notes on each node, most of a graph's bytes."""
    from onnxscript import optimizer

    optimizer.inline(model)
    optimizer.fold_constants(model)
    optimizer.remove_unused_nodes(model)
    for node in model.graph:
        node.metadata_props.clear()
        node.doc_string = None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's notes on its exporter, about which users can do nothing."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
