"""A `Localization` as one .npz file, maps and all, and back: what took minutes to find is kept for the next session."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from dsol.errors import MALFORMED, DsolError
from dsol.files import whole

if TYPE_CHECKING:
    from dsol.localize.localization import Localization

FORMAT = "dsol.localization.maps 1"
HALVED = ("maps", "area", "score")  # saved as half floats


def save(found: "Localization", path: str | Path) -> Path:
    """Write a localization, whole or not at all.

    Args:
        found: with its maps; these and the scores are kept to three digits.
        path: the .npz to write.

    Returns:
        `path`.

    Raises:
        DsolError: it cannot be written.
    """
    values = {each.name: getattr(found, each.name) for each in fields(found)}
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in values.items() if value is not None}
    arrays |= {name: arrays[name].astype(np.float16) for name in HALVED}
    try:
        with whole(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, format=FORMAT, **arrays)
    except OSError as error:
        raise DsolError(path, f"cannot be written: {error.strerror}", "choose another place") from None
    return Path(path)


def load(kind: "type[Localization]", path: str | Path) -> "Localization":
    """What `save` wrote.

    Raises:
        DsolError: it cannot be read, or is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        if str(arrays.pop("format", "")) != FORMAT:
            raise ValueError("it is another kind of file")
        plain = {name: arrays[name].item() for name in ("video", "duration_s", "threshold", "fps")}
        width, height = arrays["size"].tolist()
        floats = {name: arrays[name].astype(np.float32) for name in HALVED}
        categories = tuple(map(str, arrays["categories"]))
        return kind(**{**arrays, **floats, **plain, "size": (width, height), "categories": categories})
    except OSError as error:
        raise DsolError(path, f"cannot be read: {error.strerror or error}", "give a saved localization") from None
    except (BadZipFile, EOFError, *MALFORMED) as error:
        raise DsolError(path, f"is no saved localization: {error}", "give what Localization.save wrote") from None
