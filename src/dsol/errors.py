"""The one error that a user may see, and the check for packages that are not everybody's."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from dsol.text import name_of

LONGEST = 300  # characters of what is wrong; a file may quote any amount of itself
MALFORMED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)  # by a file's content


class DsolError(Exception):
    """A wrong call or input: the command line prints it as one line and exits with 2.

    Args:
        where: the file, folder or option at fault.
        what: what is wrong with it, with the value where there is one.
        remedy: what the user can do about it.

    Example:
        >>> raise DsolError("party.mp4", "has no sound track", "add one, or leave the video out")
        Traceback (most recent call last):
        dsol.errors.DsolError: party.mp4: has no sound track (add one, or leave the video out)
    """

    def __init__(self, where: object, what: str, remedy: str):
        self.where, self.what, self.remedy = str(where), what, remedy
        super().__init__(" ".join(f"{name_of(self.where)}: {_short(name_of(what))} ({remedy})".splitlines()))

    def __reduce__(self):  # worker processes send it home
        return type(self), (self.where, self.what, self.remedy)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST * 2 // 3]} … {text[-LONGEST // 3 :]}"


@contextmanager
def explained(where: object, what: str, remedy: str, *kinds: type[BaseException]) -> Iterator[None]:
    """A `DsolError` in the place of errors of some kinds, which a file's content or a library raises.

    Args:
        where, remedy: see `DsolError`.
        what: likewise; `{}` stands for the error, as in `str.format`.
        kinds: of errors.

    Example:
        >>> with explained("a.json", "is no number: {}", "write one", ValueError):
        ...     float("one")
        Traceback (most recent call last):
        dsol.errors.DsolError: a.json: is no number: could not convert string to float: 'one' (write one)
    """
    try:
        yield
    except DsolError:
        raise
    except kinds as error:
        raise DsolError(where, what.format(error), remedy) from None


def check_installed(where: object, extra: str, *packages: str) -> None:
    """For what needs packages of an extra.

    Args:
        where: the verb, option or file that needs them.
        extra: its name.
        packages: as they are imported.

    Raises:
        DsolError: one of them is not there.

    Example:
        >>> check_installed("dsol serve", "serve", "fastapi", "uvicorn")                # doctest: +SKIP
    """
    missing = [name for name in packages if not installed(name)]
    if missing:
        raise DsolError(where, f"needs {' and '.join(missing)}, not installed", f"pip install 'dsol[{extra}]'")


def installed(package: str) -> bool:
    """Whether a package can be imported; it is not.

    Example:
        >>> installed("numpy"), installed("no_such_package")
        (True, False)
    """
    return find_spec(package) is not None
