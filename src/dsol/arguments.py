"""The command line's arguments: a parser that complains in one line, types with names, options of a section.

    verb's docstring ─▶ description, examples      verb(parser, words) ─▶ arguments      hints of a dataclass ─▶ types

argparse alone, and nothing heavy: `--help` and completion must be immediate.
"""

import argparse
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dsol.errors import DsolError
from dsol.places import Output, Url, is_remote

MOST = 2**32  # more than any whole number


def path(text: str) -> Path | Url:
    """An option's value, of an input; its file need not be there."""
    return Url(text) if is_remote(text) else Path(text)


def output(text: str) -> Path | Url:
    """An option's value, of what is written."""
    return Output(text) if is_remote(text) else Path(text)


def place(text: str) -> Path | str:
    """An option's value, of what may lie elsewhere and is not fetched as a whole."""
    return text if is_remote(text) else Path(text)


def whole_number(text: str) -> int:
    """An option's value, 0 or more; the error message names this function."""
    if not 0 <= (value := int(text)) < MOST:
        raise ValueError(text)
    return value


def truth(text: str) -> bool:
    """An option's value, as in YAML."""
    return {"true": True, "false": False}[text.lower()]


METAVARS = {path: "PATH", output: "PATH", place: "PATH", whole_number: "N", int: "N", float: "X", truth: "true|false"}


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults that say something, types in place of names in capitals, and examples as they are typed."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, argparse.SUPPRESS) or action.nargs == 0:
            return action.help
        shown = str(action.default).lower() if isinstance(action.default, bool) else "%(default)s"
        return f"{action.help} (default: {shown})"

    def _get_default_metavar_for_optional(self, action: argparse.Action) -> str:
        kind = action.type.args[0] if isinstance(action.type, partial) else action.type
        return METAVARS.get(kind) or action.dest.rpartition(".")[2].upper()  # type: ignore[arg-type]

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("examples:") else super()._fill_text(text, width, indent)


class Parser(argparse.ArgumentParser):
    """Of one verb.

    Args:
        verb: its name.
        told: its docstring: what it does in one line, and below it examples.

    Raises:
        DsolError: on parsing, where the words do not fit.
    """

    def __init__(self, verb: str, told: str):
        summary, examples = described(told)
        shown = "\n  ".join(["examples:", *examples])
        super().__init__(f"dsol {verb}", description=summary, epilog=shown, formatter_class=Help, allow_abbrev=False)

    def format_help(self) -> str:
        places = [_place(action) for action in self._get_positional_actions()]
        self.usage = " ".join([self.prog, "[options]", *places])
        return super().format_help()

    def error(self, message: str):
        raise DsolError(self.prog, " ".join(message.split()), f"see {self.prog} --help")


def described(told: str) -> tuple[str, list[str]]:
    """What a verb does, and its examples, from its docstring."""
    summary, *rest = inspect.cleandoc(told).splitlines()
    return summary, [line for line in rest if line.strip()]


def _place(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest).upper()
    return {"+": f"{name}...", "?": f"[{name}]"}.get(str(action.nargs), name)


def add_section(parser: argparse.ArgumentParser, name: str, kind: type, unsaid: bool = False) -> None:
    """An option for each field of a section of `dsol.config.Config`, or of `Config` itself what is in no section.

    Args:
        parser: takes them, as a group.
        name: of the section; its options are `--NAME.OPTION`. "" where they are in none.
        kind: the dataclass.
        unsaid: leave out of the outcome what is not on the command line: what then holds is not known here.
    """
    from dsol.config import SECTIONS, descriptions

    title = f"{name}: {(kind.__doc__ or '').splitlines()[0].rstrip('.')}"
    group = parser.add_argument_group(title) if name else parser
    hints, told = {**get_type_hints(kind), "seed": whole_number, "workers": whole_number}, descriptions(kind)
    for option, value in vars(kind()).items():
        if option == "recipe" or option in SECTIONS:
            continue
        default = argparse.SUPPRESS if unsaid else value
        words = " ".join(told[option].split()).replace("%", "%%")
        group.add_argument(
            f"--{name}.{option}".replace("--.", "--"), default=default, help=words, **_way(hints[option])
        )


def _way(hint: Any) -> dict[str, Any]:
    """How `add_argument` reads the values of a type."""
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    if isinstance(hint, UnionType):
        (inner,) = (each for each in get_args(hint) if each is not type(None))
        return {"type": partial(_or_null, _way(inner).get("type", str))}
    return {"type": truth if hint is bool else hint}


def _or_null(read: Callable[[str], Any], text: str) -> Any:
    return None if text == "null" else read(text)
