"""What the annotated video shows."""

from collections.abc import Iterable
from dataclasses import dataclass

from dsol.errors import DsolError

WORDS = ("heat", "boxes", "silent", "off-screen", "subtitles")


@dataclass(frozen=True)
class Show:
    """What is painted over the picture.

    Attributes:
        heat: the heat map of what sounds, the rest in shade.
        boxes: a box with a name and a score on each object that sounds.
        silent: a dashed box on each object that is seen and does not sound.
        off_screen: at the rim, what sounds and cannot be seen.
        subtitles: what sounds, in words, at the lower rim.
    """

    heat: bool = True
    boxes: bool = True
    silent: bool = False
    off_screen: bool = False
    subtitles: bool = False

    @classmethod
    def read(cls, words: str | Iterable[str]) -> "Show":
        """What somebody asks for, with commas or one by one; heat map and boxes where neither is named.

        Raises:
            DsolError: a word that is not one of `WORDS`.

        Example:
            >>> Show.read("silent,off-screen")
            Show(heat=True, boxes=True, silent=True, off_screen=True, subtitles=False)
            >>> Show.read("heat")
            Show(heat=True, boxes=False, silent=False, off_screen=False, subtitles=False)
        """
        words = words.split(",") if isinstance(words, str) else words
        named = {word.strip().lower() for word in words if word.strip()}
        for word in sorted(named - set(WORDS)):
            raise DsolError("--show", f"{word!r} is not known", f"give some of {', '.join(WORDS)}")
        usual = not named & {"heat", "boxes"}
        return cls("heat" in named or usual, "boxes" in named or usual, *(word in named for word in WORDS[2:]))
