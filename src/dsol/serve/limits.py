"""What one server takes, and the refusals of what goes beyond it: each a line and a status code."""

from dataclasses import dataclass

from dsol.errors import DsolError

MB = 1_000_000  # bytes
MAKE_ROOM = "remove videos that are done, or free some space"  # what a visitor can do about a full disk


@dataclass(frozen=True)
class Limits:
    """How much is taken.

    Attributes:
        mb: size of one video, millions of bytes.
        minutes: length of one video.
        queue: videos that wait or are being uploaded; the one that is worked on comes on top.
        disk_mb: all uploads and results together, millions of bytes.
        keep_hours: how long a video that is done is kept; 0: as long as the server runs, or for ever with a folder
            of its own.
        visitor: videos of one visitor (address) that are kept, waiting or worked on.
        memory_mb: memory of the process that reads and localises videos; 0: as much as there is.
    """

    mb: int = 500
    minutes: float = 60
    queue: int = 50
    disk_mb: int = 20_000
    keep_hours: float = 24
    visitor: int = 100
    memory_mb: int = 6000

    def __post_init__(self):
        options = {"mb": "limit", "disk_mb": "disk", "memory_mb": "memory", "keep_hours": "keep"}
        for name, value in vars(self).items():
            least = 0 if name in ("keep_hours", "memory_mb", "mb") else 1e-9
            if value < least:
                raise DsolError(f"--{options.get(name, name)}", f"is {value:g}", "give more")


class Refusal(DsolError):
    """What the server does not take although nothing may be wrong with it; `status` is that of HTTP."""

    status = 422


class TooSlow(Refusal):
    """An upload that does not come on."""

    status = 408


class TooLarge(Refusal):
    """More bytes or minutes than are taken."""

    status = 413


class TooMany(Refusal):
    """More videos than one visitor may have."""

    status = 429


class QueueFull(Refusal):
    """Too many wait already."""

    status = 503


class NoRoom(Refusal):
    """The disk, or the part of it that may be used, is full."""

    status = 507
