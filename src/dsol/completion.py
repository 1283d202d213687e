"""`dsol --print-completion SHELL`: the script that lets a shell complete verbs, options and their values."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

import shtab

from dsol.arguments import described, path
from dsol.errors import DsolError

SHELLS = ("bash", "zsh", "fish", "tcsh")


def completion(shell: str, verbs: Mapping[str, Callable[[Any, list[str]], object]]) -> str:
    """The script.

    Args:
        shell: one of `SHELLS`.
        verbs: name -> what adds the verb's arguments to a parser; its docstring says what it does.

    Raises:
        DsolError: another shell.

    Example:
        >>> "dsol" in completion("bash", {})
        True
    """
    if shell not in SHELLS:
        raise DsolError("--print-completion", f"{shell!r} is not known", f"give one of {', '.join(SHELLS)}")
    whole = argparse.ArgumentParser("dsol")
    whole.add_argument("--version", action="store_true", help="print the version")
    places = whole.add_subparsers(dest="verb")
    for name, add_arguments in verbs.items():
        verb = places.add_parser(name, help=described(add_arguments.__doc__ or "")[0])
        add_arguments(verb, [])
        _tell_what_completes(verb)
    return shtab.complete(whole, shell)


def _tell_what_completes(verb: argparse.ArgumentParser) -> None:
    for action in verb._actions:
        if action.type is path or action.dest == "model":  # a model may be named or lie anywhere
            action.complete = shtab.FILE  # type: ignore[attr-defined]
