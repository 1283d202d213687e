"""A model file: one .safetensors file; its metadata holds configuration, names, provenance and metrics as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsol.config import SHIPPED
from dsol.errors import MALFORMED, DsolError
from dsol.files import whole
from dsol.model.onnx_file import is_onnx, open_onnx
from dsol.old_options import from_version_1
from dsol.places import fetch, is_remote

if TYPE_CHECKING:  # the card of a model is read without torch, too
    from torch import Tensor, nn

VERSION = 2
RENAMED = (("towers.", "encoders."), (".ear.", ".mixture_encoder."), (".principal.", ".pca."))  # since version 1


@dataclass(frozen=True)
class ModelCard:
    """The metadata of a model file.

    Attributes:
        system: name of the system in `dsol.model.system`, "dsol" for ours.
        config: `Config.to_dict()` of its training.
        categories: one name a cluster, "cluster 3" until named; two clusters may share a name.
        named: whether the names are categories, not clusters.
        threshold: score from which a category counts as sounding and visible.
        provenance: data, versions and dates of the training.
        metrics: figures measured on the training data.
        known: how many of the categories, the first, have names that stay; the others are clusters that may be named.
    """

    system: str
    config: dict[str, Any]
    categories: tuple[str, ...]
    named: bool = False
    threshold: float = 0.5
    provenance: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    known: int = 0

    @property
    def is_general(self) -> bool:
        """Whether it is `general`, or `general` with added categories: these tell what is heard and seen apart."""
        return self.system in ("general", "extended")


class CardedSystem:
    """What every system from a file has by its model card."""

    card: ModelCard

    @property
    def categories(self) -> tuple[str, ...]:
        """K different names, those of one name are one category; none where the system is class-agnostic."""
        return tuple(dict.fromkeys(self.card.categories))

    @property
    def threshold(self) -> float:
        """Score from which a category, or anything, counts as sounding and visible."""
        return self.card.threshold


class SavedSystem(CardedSystem):
    """How every system with a network is saved.

    Args:
        network: what is saved.
        card: the model file's metadata.
    """

    def __init__(self, network: "nn.Module", card: ModelCard):
        self.network, self.card = network.eval(), card

    def renamed(self, names: Sequence[str]) -> ModelCard:
        """The card with a category for each cluster."""
        return replace(self.card, categories=tuple(names), named=True)

    def save(self, path: str | Path) -> None:
        """To a model file."""
        save_model(path, self.network.state_dict(), self.card)


def halve(path: str | Path, target: str | Path, threshold: float | None = None) -> None:
    """Write a model file again with half the bytes: its tensors in half precision, for shipping.

    Args:
        path: the model file.
        target: where to write.
        threshold: in place of the model's own.
    """
    card = load_card(path)
    tensors = {name: t.half() if t.is_floating_point() else t for name, t in load_tensors(path).items()}
    save_model(target, tensors, card if threshold is None else replace(card, threshold=threshold))


def save_model(path: str | Path, tensors: "dict[str, Tensor]", card: ModelCard) -> None:
    """Write a model file, whole or not at all.

    Raises:
        DsolError: the folder cannot be written.
    """
    from safetensors.torch import save  # save_file writes a file that only its owner may read

    saved = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        with whole(path) as partial:
            partial.write_bytes(save(saved, {"dsol": card_text(card)}))
    except OSError as error:
        raise DsolError(path, f"cannot be written: {error.strerror}", "check its folder and the free space") from error


def card_text(card: ModelCard) -> str:
    """What a file's metadata holds under "dsol": JSON that `load_card` reads."""
    return json.dumps({"version": VERSION, **asdict(card)})


def load_card(path: str | Path) -> ModelCard:
    """The metadata of a model file, exported or not, without its tensors.

    Raises:
        DsolError: no file, no model, or a model of another version.
    """
    return read_card(path, open_onnx(path, fast=False).metadata if is_onnx(path) else _metadata(path))


def read_card(path: str | Path, metadata: Mapping[str, str]) -> ModelCard:
    """The card in a file's metadata; see `load_card`."""
    text, maker = metadata.get("dsol"), "dsol export" if is_onnx(path) else "dsol train"
    if text is None:
        raise DsolError(path, "is no dsol model: its metadata lacks the entry 'dsol'", f"give one of `{maker}`")
    try:
        values = dict(json.loads(text))
        version = values.pop("version", None)
        if version == 1:
            values["config"] = from_version_1(values["config"], path)
        elif version != VERSION:
            raise DsolError(path, f"is a model of version {version}, this is version {VERSION}", "update dsol")
        return ModelCard(**{**values, "categories": tuple(values["categories"])})
    except MALFORMED as error:
        raise DsolError(path, f"has broken metadata: {error!r}", "copy it again, or train it again") from None


def _metadata(path: str | Path) -> dict[str, str]:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return file.metadata() or {}
    except Exception as error:  # safetensors raises its own kind for a broken header
        raise DsolError(path, f"is no model: {error}", "give one of `dsol train`, or a run folder") from None


def load_tensors(path: str | Path) -> "dict[str, Tensor]":
    """The tensors of a model file; those saved in half precision, as in shipped models, become single precision."""
    from safetensors.torch import load_file

    return {_name_now(name): t.float() if t.is_floating_point() else t for name, t in load_file(path).items()}


def _name_now(tensor: str) -> str:
    """The name of a tensor since version 2."""
    for before, now in RENAMED:
        tensor = tensor.replace(before, now)
    return tensor


def fill(network: "nn.Module", path: str | Path) -> None:
    """Give a network the tensors of a model file.

    Raises:
        DsolError: they are not those of such a network.
    """
    try:
        network.load_state_dict(load_tensors(path))
    except RuntimeError as error:
        what = f"holds other weights than its options describe: {str(error).splitlines()[-1].strip()[:160]}"
        raise DsolError(path, what, "copy it again, or train it again") from None


def find_model(path: str | Path) -> Path:
    """The model file of a run folder, the file itself, one at a URL, or a shipped model by its name ("small").

    Raises:
        DsolError: there is none.
    """
    path = fetch(path) if isinstance(path, str) and is_remote(path) else Path(path)
    file = path / "model.safetensors" if path.is_dir() else path
    if file.is_file():
        return file
    shipped = SHIPPED / f"{path}.safetensors"
    if shipped.is_file():
        return shipped
    known = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.safetensors")))
    raise DsolError(path, "is no model file, run folder or shipped model", f"give a model.safetensors, or {known}")
