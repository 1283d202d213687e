"""The tables of options in docs/method.md, written from `src/dsol/config.py`, the recipes and nothing else.

    python docs/options.py            # write them again, after an option has changed

`tests/test_docs.py` fails while they are stale.
"""

from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dsol.config import SECTIONS, Config, descriptions, load_recipe

PAGE = Path(__file__).parent / "method.md"
BEGIN, END = "<!-- options: begin, written by docs/options.py -->", "<!-- options: end -->"
RECIPES = ("paper", "best")  # a column each, empty where the recipe leaves the default
HEAD = "| option | default | `paper` | `best` | meaning |"


def tables() -> str:
    """One table a section, in the order of the method, and one of what belongs to no section."""
    parts = [_table("Whole run", Config, "")]
    return "\n".join(parts + [_table(f"`{name}`", kind, name) for name, kind in SECTIONS.items()])


def page(text: str) -> str:
    """A page with the tables between its two markers written anew.

    Raises:
        ValueError: it has not one of each marker.
    """
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def _table(title: str, kind: type, section: str) -> str:
    hints, told = get_type_hints(kind), descriptions(kind)
    rows = [_row(name, hints[name], told[name], section) for name in told if name not in SECTIONS]
    says = " ".join((kind.__doc__ or "").split())
    return "\n".join([f"### {title}", "", says, "", HEAD, "|---|---|---|---|---|", *rows, ""])


def _row(name: str, hint: Any, told: str, section: str) -> str:
    default = _value(Config(), section, name)
    others = [_value(load_recipe(recipe), section, name) for recipe in RECIPES]
    shown = [_shown(default), *("" if value == default else _shown(value) for value in others)]
    choices = _choices(hint)
    meaning = f"{told} Values: {choices}." if choices else told
    return "| " + " | ".join([f"`{name}`", *shown, meaning.replace("|", "\\|")]) + " |"


def _value(config: Config, section: str, name: str) -> Any:
    return getattr(getattr(config, section) if section else config, name)


def _shown(value: Any) -> str:
    """As in YAML."""
    return {None: "null", True: "true", False: "false"}.get(value, str(value)) if not _number(value) else f"{value:g}"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _choices(hint: Any) -> str:
    if isinstance(hint, UnionType):
        return ", ".join(filter(None, map(_choices, get_args(hint))))
    return ", ".join(f"`{choice}`" for choice in get_args(hint)) if get_origin(hint) is Literal else ""


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
