"""Files that lie elsewhere: a URL that fsspec opens (s3://, gs://, hdfs://, https://, …) wherever a path may stand.

s3://bucket/store ──fetch: what is new──▶ folder of the cache ──▶ the program, which knows local files alone
        ▲                                         │
        └── publish: what changed, and last what makes it whole ──┘

Credentials come from the variables and files of the cloud's own tools; none is written here or taken from a URL.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from dsol.errors import DsolError, explained
from dsol.files import write_json
from dsol.progress import is_first

CACHE = "DSOL_CACHE"  # variable: the folder of copies; ~/.cache/dsol where it is not set
STATE = ".dsol-remote.json"  # in the cache beside a copy: which state of the files it holds
WHOLE_LAST = ("model.safetensors", "index.parquet", "store.json")  # whoever reads asks for these first
AT_ONCE = ("s3", "s3a", "gs", "gcs", "az", "abfs", "memory")  # protocols by which a file is there whole or not at all
READ_ONLY = ("http", "https")
ORIGIN = ".origin"  # in the copy of a store whose shards are not all here: its URL
SHARDS = ".tar"  # of a store: fetched when they are first read


class Url(str):
    """An input of a command that lies elsewhere."""


class Output(Url):
    """An output of a command that is to lie elsewhere."""


def is_remote(place: str | os.PathLike) -> bool:
    """Whether a place is a URL.

    Example:
        >>> is_remote("s3://bucket/a.mp4"), is_remote("C:/a.mp4")
        (True, False)
    """
    return isinstance(place, str) and "://" in place


def child(place: str | Path, name: str) -> str | Path:
    """A place below another."""
    return f"{place.rstrip('/')}/{name}" if isinstance(place, str) and is_remote(place) else Path(place) / name


def files_below(url: str, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, str]:
    """All files of a folder elsewhere: path below it -> a text that changes with the file. A file is its own folder.

    Args:
        url: the folder.
        wanted: whether a path is wanted.

    Raises:
        DsolError: it cannot be reached.
    """
    with _told(url):
        system, root = _system(url)
        found = {}
        for path, facts in system.find(root, detail=True).items():
            name = path[len(root) :].lstrip("/") if path != root else ""
            if wanted(name or PurePosixPath(path).name):
                found[name] = _state(facts)
        return dict(sorted(found.items()))


def fetch(url: str, missing_too: bool = False, keep: bool = False) -> Path:
    """A copy of a file or folder in the cache, as it is now; the shards of a store are fetched when they are read.

    Args:
        url: what to fetch.
        missing_too: a path in an empty place, where there is nothing at the URL.
        keep: leave files in the copy that are not there: it is worked on.

    Raises:
        DsolError: there is nothing, or it cannot be reached.
    """
    there, place = files_below(url), _place(url)
    if not there and not missing_too:
        raise DsolError(url, "no such file or folder", "check the address and what your credentials may read")
    place.parent.mkdir(parents=True, exist_ok=True)
    lazily = "store.json" in there
    now = {name: state for name, state in there.items() if not (lazily and name.endswith(SHARDS))}
    known = _known(place)
    new = [name for name, state in now.items() if known.get(name, [None])[0] != state or not (place / name).exists()]
    for name in _names(place) if place.exists() else []:
        if (name not in there and not keep) or (lazily and new and name.endswith(SHARDS)):  # else of an older store
            (place / name).unlink()
    for name in new:
        copy(_join(url, name), place / name if name else place)
    if lazily:
        (place / ORIGIN).write_text(url, "utf-8")
    still = {name: states for name, states in known.items() if name in there}
    _remember(place, {**still, **{name: [there[name], _local(place / name)] for name in new}})
    return place


def origin_of(place: Path) -> str | None:
    """The URL that a folder is a copy of; None where it is none, or a whole one."""
    origin = place / ORIGIN
    return origin.read_text("utf-8") if origin.exists() else None


def publish(place: Path, url: str) -> None:
    """Write a file or folder to its URL: what is new or changed since `fetch`; what makes it whole comes last.

    Raises:
        DsolError: it cannot be written.
    """
    known = _known(place)
    names = _names(place)
    changed = [name for name in names if known.get(name, [0, None])[1] != _local(place / name)]
    for name in sorted(changed, key=lambda name: (_rank(name), name)):
        send(place / name if name else place, _join(url, name))
    gone = [name for name in known if name not in names and not name.endswith(SHARDS)]
    with _told(url, "written"):
        system, root = _system(url)
        for name in gone:
            system.rm_file(f"{root}/{name}")
    now = files_below(url) if changed or gone else {}
    _remember(
        place, {name: [now.get(name), _local(place / name)] if name in changed else known[name] for name in names}
    )


@contextmanager
def at_hand(place: str | Path) -> Iterator[Path]:
    """A file as a local path for a while: itself, or a copy that is removed again."""
    with _for_a_while(place) as file:
        if is_remote(place):
            copy(str(place), file)
        yield file


@contextmanager
def written_to(place: str | Path) -> Iterator[Path]:
    """A folder to write to as a local path: itself, or one for a while whose files are sent where all went well."""
    with _for_a_while(place) as local:
        yield local
        for name in _names(local) if is_remote(place) else ():
            send(local / name, f"{place}/{name}")


@contextmanager
def _for_a_while(place: str | Path) -> Iterator[Path]:
    """A local path for a place: its own, or one of its name in a folder that goes again."""
    if not is_remote(place):
        yield Path(place)
        return
    with tempfile.TemporaryDirectory(prefix="dsol-") as folder:
        yield Path(folder) / PurePosixPath(place).name


def mirror(url: str, heavy: Callable[[str], bool]) -> Path:
    """A folder elsewhere as one here in which heavy files have their name and size but nothing in them.

    Args:
        url: the folder.
        heavy: whether the file of a path is not to be fetched.
    """
    place = _place(f"{url}#mirror")
    there = files_below(url)
    if not there:
        raise DsolError(url, "no such folder", "check the address and what your credentials may read")
    known = _known(place)
    for name, state in there.items():
        file = place / name
        if known.get(name, [None])[0] == state and file.exists():
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        if heavy(name):
            size, _, told = state.partition(" ")
            with open(file, "wb") as empty:
                empty.truncate(int(size))
            time = int(hashlib.sha256(told.encode()).hexdigest()[:12], 16)  # changes with the file, as a time would
            os.utime(file, ns=(time, time))
        else:
            copy(_join(url, name), file)
    for name in known:
        if name not in there:
            (place / name).unlink(missing_ok=True)
    _remember(place, {name: [state, None] for name, state in there.items()})
    return place


@contextmanager
def staged(arguments: dict[str, Any]) -> Iterator[None]:
    """The arguments of a command with local paths in the place of URLs; its outputs are published where it succeeds.

    Args:
        arguments: changed in place.

    Raises:
        DsolError: something cannot be fetched or published.
    """
    outputs = []
    for name, value in arguments.items():
        values = value if isinstance(value, list) else [value]
        for url in values:
            if isinstance(url, Output):
                refuse_read_only(url)
        local = [fetch(each, *[isinstance(each, Output)] * 2) if isinstance(each, Url) else each for each in values]
        outputs += [(place, each) for place, each in zip(local, values, strict=True) if isinstance(each, Output)]
        arguments[name] = local if isinstance(value, list) else local[0]
    yield
    for place, url in outputs:
        if place.exists() and is_first():
            publish(place, url)


def refuse_read_only(url: str) -> None:
    """Raises DsolError where nothing can be written to a URL."""
    if url.partition("://")[0] in READ_ONLY:
        raise DsolError(url, "can only be read", "write to a folder or a bucket")


def _place(url: str) -> Path:
    """Where the copy of a URL lies: a folder of its own, its last name kept."""
    cache = Path(os.environ.get(CACHE) or Path.home() / ".cache" / "dsol")
    name = PurePosixPath(url.rstrip("/")).name.removesuffix("#mirror")
    return cache / hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16] / name


def _known(place: Path) -> dict[str, list]:
    """Of the files of a copy: path -> [state there, state here], as of the last time."""
    try:
        return json.loads((place.parent / STATE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _remember(place: Path, states: dict[str, list]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    write_json(place.parent / STATE, states)


def _names(place: Path) -> list[str]:
    """Paths of the files below a place; "" for a file. What is hidden or half written is ours alone."""
    if place.is_file():
        return [""]
    files = (file.relative_to(place) for file in place.rglob("*") if file.is_file())
    return sorted(f.as_posix() for f in files if f.name not in (ORIGIN, "lock") and not f.name.endswith(".partial"))


def _rank(name: str) -> int:
    return WHOLE_LAST.index(PurePosixPath(name).name) if PurePosixPath(name).name in WHOLE_LAST else -1


def _local(file: Path) -> list[int] | None:
    return [file.stat().st_size, file.stat().st_mtime_ns] if file.is_file() else None


def _state(facts: dict) -> str:
    """The size of a file and whatever else its system says that changes with it."""
    told = (
        str(facts[key]) for key in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created") if facts.get(key)
    )
    return f"{facts.get('size') or 0} {next(told, '')}"


def _join(url: str, name: str) -> str:
    return f"{url.rstrip('/')}/{name}" if name else url


def copy(url: str, file: Path) -> None:
    """Copy one file, whole or not at all; several processes may copy the same at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{uuid4().hex}.partial")
    try:
        with _told(url):
            system, path = _system(url)
            system.get_file(path, os.fspath(partial))
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def send(file: Path, url: str) -> None:
    """Write one file to a URL, whole or not at all."""
    refuse_read_only(url)
    with _told(url, "written"):
        system, path = _system(url)
        system.makedirs(path.rpartition("/")[0], exist_ok=True)
        if url.partition("://")[0] in AT_ONCE:
            system.put_file(os.fspath(file), path)
        else:
            system.put_file(os.fspath(file), f"{path}.partial")
            system.mv(f"{path}.partial", path)


def _system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    if "@" in url.partition("://")[2].partition("/")[0]:
        shown = url.partition("://")[0] + "://…" + url.rpartition("@")[2]
        raise DsolError(shown, "has a password in it", "give credentials by the usual variables, AWS_ACCESS_KEY_ID say")
    try:
        import fsspec
    except ImportError:
        raise DsolError(url, "needs fsspec, not installed", "pip install 'dsol[cloud]'") from None
    with (
        explained(url, "needs a package: {}", "install it; dsol[cloud] has that of s3://", ImportError),
        explained(url, "{}", "give s3://, gs://, hdfs://, https:// or a path", ValueError),
    ):
        system, path = fsspec.core.url_to_fs(url, use_listings_cache=False, skip_instance_cache=False)
    system.invalidate_cache()
    return system, path.rstrip("/")


@contextmanager
def _told(url: str, done: str = "read") -> Iterator[None]:
    """One line for whatever a cloud's package raises."""
    try:
        yield
    except DsolError:
        raise
    except FileNotFoundError:
        raise DsolError(url, "no such file, folder or bucket", "check the address") from None
    except OSError as error:
        what = f"cannot be {done}: {error.strerror or error}"
        raise DsolError(url, what, "check the address, the network and the credentials") from None
    except Exception as error:  # each cloud's package has errors of its own
        what = f"cannot be {done}: {type(error).__name__}: {error}"
        raise DsolError(url, what, "check the address, the network and the credentials") from None
