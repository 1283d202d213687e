"""dsol: which objects in a video are making sound, where are they, what are they?

Example:
    >>> import dsol
    >>> localizer = dsol.Localizer.load("model.safetensors")      # doctest: +SKIP
    >>> found = localizer("party.mp4")                            # doctest: +SKIP
    >>> dsol.render(found, "party.mp4", "party_found.mp4")        # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what `__getattr__` imports, for editors
    from dsol.data.boxes import Boxes
    from dsol.data.store import Store
    from dsol.errors import DsolError
    from dsol.localize import Localization, Localizer, render
    from dsol.model.maps import Maps

__version__ = "0.2.0"

# Public names, imported on first use: `dsol --help` must not wait for torch.
_HOMES = {
    "Boxes": "dsol.data.boxes",
    "DsolError": "dsol.errors",
    "Localization": "dsol.localize",
    "Localizer": "dsol.localize",
    "Maps": "dsol.model.maps",
    "Store": "dsol.data.store",
    "render": "dsol.localize",
}
__all__ = ["Boxes", "DsolError", "Localization", "Localizer", "Maps", "Store", "render"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'dsol' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
