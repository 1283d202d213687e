"""What the docs say of options, files and pages is so."""

import re
import runpy
from pathlib import Path

import pytest

from dsol.config import SECTIONS, Config
from dsol.old_options import MERGED, MOVED

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for where in (".", "docs", "src/dsol", ".github")
    for page in (ROOT / where).glob("*.md" if where == "." else "**/*.md")
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE = re.compile(r"```.*?```", re.DOTALL)
ENDINGS = ("md", "py", "yaml", "safetensors", "png")  # stage_one.safetensors is a file
OPTION = re.compile(rf"(?<![\w.])({'|'.join(SECTIONS)})\.([a-z_]+)(?![\w(.])")


def of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_the_tables_of_options_are_those_of_the_code():
    options = runpy.run_path(str(ROOT / "docs" / "options.py"))
    text = options["PAGE"].read_text(encoding="utf-8")
    assert options["page"](text) == text, "run python docs/options.py"
    for name in ("`clusters`", "`flip`", "`seed`"):
        assert f"\n| {name} |" in text


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_every_link_inside_the_repository_leads_somewhere(page):
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    broken = [link for link in LINK.findall(text) if "://" not in link and not leads_somewhere(page, link)]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_every_option_that_a_page_names_exists(page):
    if page.name == "CHANGELOG.md":  # it names what is gone
        return
    found = OPTION.findall(page.read_text(encoding="utf-8"))
    unknown = [(section, name) for section, name in found if name not in vars(getattr(Config(), section))]
    assert not [f"{section}.{name}" for section, name in unknown if name not in ENDINGS]


def test_the_change_log_says_what_became_of_every_old_option():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert not [old for old, new in MOVED.items() if f"| `{old}` | `{new}` |" not in text]
    assert not [old for old in MERGED if f"`{old}`" not in text]


def test_the_tests_see_pages_links_and_options():
    assert ROOT / "README.md" in PAGES
    assert ROOT / "docs" / "method.md" in PAGES
    assert not leads_somewhere(ROOT / "README.md", "docs/no_such_page.md")
    assert not leads_somewhere(ROOT / "README.md", "docs/method.md#no-such-heading")
    assert leads_somewhere(ROOT / "README.md", "docs/method.md#all-options")
    assert OPTION.findall("`--stage_two.mirror true`, `data.md`") == [("stage_two", "mirror")]


def leads_somewhere(page: Path, link: str) -> bool:
    """Whether a relative link has its file and, where it names one, its heading."""
    name, _, heading = link.partition("#")
    target = page.parent / name if name else page
    if not target.exists():
        return False
    return not heading or heading in {anchor(title) for title in HEADING.findall(target.read_text(encoding="utf-8"))}


def anchor(title: str) -> str:
    """What a heading is called in a link, as GitHub makes it."""
    kept = re.sub(r"[^\w\- ]", "", title.strip().lower())
    return kept.replace(" ", "-")
