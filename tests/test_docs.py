"""What the docs say of options is so."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_tables_of_options_are_those_of_the_code():
    options = runpy.run_path(str(ROOT / "docs" / "options.py"))
    text = options["PAGE"].read_text(encoding="utf-8")
    assert options["page"](text) == text, "run python docs/options.py"
    for name in ("`clusters`", "`flip`", "`seed`"):
        assert f"\n| {name} |" in text
