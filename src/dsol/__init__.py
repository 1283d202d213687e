"""dsol: which objects in a video are making sound, where are they, what are they?

Example:
    >>> store = dsol.prepare("videos", "store_2", size=64, workers=1)           # clips of your videos
    >>> model = dsol.train("store", "run_2", "tiny")                            # "best" for real use
    >>> found = dsol.Localizer.load("run")("party.mp4")                         # or load("general"), the shipped model
    >>> found.boxes().frames[0].time_s, found.to_json()["width"]
    (0.0, 64)
    >>> dsol.render(found, "party.mp4", "party_found.mp4").name
    'party_found.mp4'
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what `__getattr__` imports, for editors
    from dsol.data.boxes import Boxes
    from dsol.data.prepare import prepare
    from dsol.data.store import Store
    from dsol.errors import DsolError
    from dsol.evaluation.evaluate import evaluate
    from dsol.localize import Localization, Localizer, render
    from dsol.training.train import train

__version__ = "0.2.0"

# Public names, imported on first use: `dsol --help` must not wait for torch.
_HOMES = {
    "Boxes": "dsol.data.boxes",
    "DsolError": "dsol.errors",
    "Localization": "dsol.localize",
    "Localizer": "dsol.localize",
    "Store": "dsol.data.store",
    "evaluate": "dsol.evaluation.evaluate",
    "prepare": "dsol.data.prepare",
    "render": "dsol.localize",
    "train": "dsol.training.train",
}
__all__ = ["Boxes", "DsolError", "Localization", "Localizer", "Store", "evaluate", "prepare", "render", "train"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'dsol' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("dsol"):
            raise
        from dsol.errors import DsolError

        raise DsolError(f"dsol.{name}", f"needs {error.name}, not installed", "pip install 'dsol[train]'") from None


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
