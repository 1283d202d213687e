"""What `general` can name: categories of things that sound, by audio tags and visual classes.

`models/vocabulary.csv` has a line a category: its parent, the AudioSet tags of its sound ("~": a tag that
other sounds have, too), the ImageNet classes that it looks like (numbers of ILSVRC 2012, "151-268": a range), and
synonyms.
A line without a parent is a root ("Animal", "Music"): it groups what is below it and is never predicted itself.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from dsol.config import SHIPPED
from dsol.errors import DsolError

COLUMNS = ("category", "parent", "audible", "visible", "synonyms")
WEAK = "~"  # before a tag that other categories have, too
LEARNED = "Learned"  # root of categories that `dsol train --start general` adds
CLASSES = 1000  # of ImageNet


@dataclass(frozen=True)
class Entry:
    """One category.

    Attributes:
        category: its name.
        parent: name of the category above it; "" of a root.
        audible: AudioSet tags.
        weak: those of them that other sounds have, too.
        visible: numbers of ImageNet classes.
        synonyms: other names.
    """

    category: str
    parent: str
    audible: tuple[str, ...]
    weak: frozenset[str]
    visible: tuple[int, ...]
    synonyms: frozenset[str]


@dataclass(frozen=True)
class Vocabulary:
    """All categories.

    Attributes:
        entries: by name, in the order of the file; learned categories come last.
        learned: how many categories are learned from a user's own videos; their tags and classes, too, come last.

    Example:
        >>> vocabulary().entries["Violin"].parent
        'Bowed string instrument'
    """

    entries: dict[str, Entry]
    learned: int = 0

    @property
    def categories(self) -> tuple[str, ...]:
        """The names that can be predicted: all but the roots."""
        return tuple(name for name, entry in self.entries.items() if entry.parent)

    @property
    def tags(self) -> tuple[str, ...]:
        """All AudioSet tags in it, sorted, then those that are learned."""
        found = {tag for entry in self.entries.values() for tag in entry.audible}
        return (*sorted(found - {*self._learned}), *self._learned)

    @property
    def classes(self) -> int:
        """How many visual classes there are."""
        return CLASSES + self.learned

    @property
    def _learned(self) -> list[str]:
        return [f"cluster {k}" for k in range(self.learned)]

    def extended(self, count: int) -> "Vocabulary":
        """The same with `count` learned categories, each with a tag and a class of its own.

        Example:
            >>> vocabulary().extended(2).categories[-2:]
            ('cluster 0', 'cluster 1')
        """
        more = Vocabulary(self.entries, count)
        entries = {LEARNED: Entry(LEARNED, "", tuple(more._learned), frozenset(), (), frozenset())}
        for k, name in enumerate(more._learned):
            entries[name] = Entry(name, LEARNED, (name,), frozenset(), (CLASSES + k,), frozenset())
        return replace(more, entries=self.entries | entries)

    def root(self, category: str) -> str:
        """The root above a category.

        Example:
            >>> vocabulary().root("Violin")
            'Music'
        """
        while parent := self.entries[category].parent:
            category = parent
        return category

    def families(self, categories: Sequence[str]) -> np.ndarray:
        """(K, K) bool: which of some categories are of one family; what is not in the vocabulary is its own.

        Example:
            >>> vocabulary().families(["Violin", "Drum", "Dog", "gizmo"]).sum(1).tolist()
            [2, 2, 1, 1]
        """
        roots = np.array([self.root(name) if name in self.entries else name for name in categories])
        return roots[:, None] == roots[None]

    def ancestors(self, categories: Sequence[str]) -> np.ndarray:
        """(K, K) bool: whether category j is above category i, at any distance."""
        above = [set(self._above(name)) for name in categories]
        return np.array([[name in mine for name in categories] for mine in above])

    def _above(self, category: str) -> Iterator[str]:
        while category in self.entries and (category := self.entries[category].parent):
            yield category

    def below(self, label: str) -> tuple[str, ...]:
        """The category that a label names, in upper or lower case, and all that are below it; none where there is
        none.

        Example:
            >>> vocabulary().below("bowed string instrument")[:2]
            ('Bowed string instrument', 'Violin')
        """
        plain = label.replace("_", " ").casefold()
        names = {name: {name.casefold(), *map(str.casefold, entry.synonyms)} for name, entry in self.entries.items()}
        top = {name for name, known in names.items() if plain in known}
        return tuple(name for name in self.entries if name in top or top & set(self._above(name)))

    def known(self, label: str) -> str | None:
        """The category that a label names, by its own name or a synonym; None where there is none."""
        if label in self.entries:
            return label
        return next((name for name, entry in self.entries.items() if label in entry.synonyms), None)

    def right(self, answer: str, label: str) -> bool:
        """Whether an answer names what a label says: the label itself or a synonym, a child of it, or its parent one
        level up, unless that is a root.

        Example:
            >>> [vocabulary().right(answer, "Cello") for answer in ("Cello", "Bowed string instrument", "Music")]
            [True, True, False]
        """
        if answer not in self.entries or (known := self.known(label)) is None:
            return answer == label
        said, meant = self.entries[answer], self.entries[known]
        synonym = label in said.synonyms or known in said.synonyms or answer in meant.synonyms
        is_parent = meant.parent == answer and bool(said.parent)
        return answer == known or synonym or said.parent == known or is_parent


def read_vocabulary(path: str | Path) -> Vocabulary:
    """A vocabulary's file.

    Raises:
        DsolError: it cannot be read, lacks a column, or a parent that it names is missing.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DsolError(path, f"cannot be read: {error.strerror}", "give a CSV file of categories") from None
    if not rows or not set(COLUMNS) <= rows[0].keys():
        raise DsolError(path, f"lacks one of the columns {', '.join(COLUMNS)}", "add it")
    entries = {row["category"]: _entry(row, path) for row in rows}
    lost = next((entry for entry in entries.values() if entry.parent and entry.parent not in entries), None)
    if lost is not None:
        what = f"'{lost.category}' has the parent '{lost.parent}', which is missing"
        raise DsolError(path, what, "add a line for it")
    return Vocabulary(entries)


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of `general`."""
    return read_vocabulary(SHIPPED / "vocabulary.csv")


def _entry(row: dict[str, str], path: str | Path) -> Entry:
    tags = _parts(row["audible"])
    try:
        visible = tuple(number for part in _parts(row["visible"]) for number in _range(part))
    except ValueError:
        what = f"'{row['visible']}' of '{row['category']}' names no ImageNet classes"
        raise DsolError(path, what, "write numbers from 0 to 999 and ranges, 151-268;273") from None
    weak = frozenset(tag.removeprefix(WEAK) for tag in tags if tag.startswith(WEAK))
    audible = tuple(tag.removeprefix(WEAK) for tag in tags)
    return Entry(row["category"], row["parent"], audible, weak, visible, frozenset(_parts(row["synonyms"])))


def _parts(text: str) -> list[str]:
    return [part for part in text.split(";") if part]


def _range(text: str) -> Iterable[int]:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)
