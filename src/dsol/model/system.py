"""Ours, the compared systems and the constant baselines, behind one interface; and the registry of them."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from dsol.config import SHIPPED
from dsol.errors import DsolError, check_installed
from dsol.model.file import ModelCard, find_model, load_card
from dsol.model.maps import Maps
from dsol.model.onnx_file import SUFFIX, is_onnx

SYSTEMS = {  # name in a model file and on the command line -> where it is
    "dsol": "model.dsol_system.DsolSystem",
    "general": "model.general.GeneralSystem",
    "extended": "model.extended.ExtendedSystem",
    "sound_of_pixels": "baselines.sound_of_pixels.SoundOfPixels",
    "object_that_sound": "baselines.object_that_sound.ObjectThatSound",
    "attention": "baselines.attention.Attention",
    "dmc": "baselines.dmc.Dmc",
}


class System(Protocol):
    """Anything that localises sound: pictures with their sound in, `Maps` out."""

    @property
    def categories(self) -> tuple[str, ...]:
        """K different names; clusters ("cluster 3") until they are named; empty if class-agnostic."""
        ...

    def predict(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """Localise the sound of B pictures.

        Args:
            frames: B pictures, (height, width, 3) uint8 RGB of any size; one array may come several times, with
                different sounds.
            waveforms: (B, 16000) float32, one second of 16 kHz mono sound around each picture; or (B, 201, 64), its
                log-mel spectrogram, where nothing else is available (the official synthetic scenes).
            keys: B names, passed on to `Maps.keys`.
        """
        ...


@runtime_checkable
class ClusteringSystem(Protocol):
    """A system whose categories are clusters; labels of single-source clips give them their names."""

    card: ModelCard

    @property
    def categories(self) -> tuple[str, ...]:
        """See `System.categories`."""
        ...

    def predict(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `System.predict`."""
        ...

    def named(self, names: Sequence[str]) -> "ClusteringSystem":
        """The same with a name for each cluster; those of one name are one category."""
        ...

    def points(self, frames: Sequence[np.ndarray], waveforms: np.ndarray) -> np.ndarray:
        """The points (B, P) by which single-source pictures with their sound are clustered."""
        ...

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """The cluster (N,) of points (N, P), or of means of them."""
        ...

    def save(self, path: str | Path) -> None:
        """Write a model file."""
        ...


def system_type(name: str) -> Any:
    """The class of a system, imported only now."""
    module, _, kind = SYSTEMS[name].rpartition(".")
    return getattr(import_module(f"dsol.{module}"), kind)


def load_system(
    path: str | Path,
    size: int | None = None,
    sources: int | None = None,
    inference: Mapping[str, Any] | None = None,
    exact: bool = True,
) -> System:
    """The system in a model file or run folder.

    Args:
        path: a model file, an exported one, or a run folder that holds one.
        size: side of the network's input picture, pixels; as trained where None.
        sources: how many objects sound, for a system that cannot infer it (DMC); others ignore it.
        inference: changed options of the section `inference`, see `dsol.config.InferenceOptions`.
        exact: run the network itself, in torch. Without, a shipped model runs in the ONNX form that it carries, which
            is faster, needs no torch, and agrees within 0.001; options of inference need the network all the same.

    Raises:
        DsolError: no model there, one of a system that this version does not know, or one that needs `sources` or
            torch; or options of inference that it does not have.
    """
    file = find_model(path)
    option = f"--inference.{next(iter(inference))}" if inference else None
    if is_onnx(file):
        from dsol.model.onnx import ORIGINAL, ExportedSystem

        if option:
            raise DsolError(option, "is fixed in an exported model", ORIGINAL)
        return ExportedSystem.load(file, size)
    if not exact and not option and size is None and (exported := exported_form(file)):
        from dsol.model.onnx import ExportedSystem

        return ExportedSystem.load(exported)
    name = load_card(file).system
    if name not in SYSTEMS:
        raise DsolError(file, f"holds the unknown system '{name}'", f"known here: {', '.join(SYSTEMS)}")
    if option and name != "dsol":
        raise DsolError(option, f"is no option of {name}", "leave it out")
    check_installed(option or ("--exact" if exact and exported_form(file) else file), "train", "torch")
    system = system_type(name).load(file, size, sources)
    return system.with_inference(inference) if inference else system


def exported_form(model: Path) -> Path | None:
    """The ONNX form that a shipped model carries; None of any other."""
    exported = model.with_suffix(SUFFIX)
    return exported if model.parent == SHIPPED and exported.is_file() else None
