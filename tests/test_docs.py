"""What the docs say of options, commands, files and pages is so."""

import contextlib
import functools
import io
import re
import runpy
from pathlib import Path

import pytest

from dsol.cli import VERBS, main
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
COMMAND = re.compile(r"(?:^|[;&] )dsol ([a-z]+)((?: [^;&|]*)?)")
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


def test_the_readme_lists_every_verb():
    listed = re.findall(r"^\| `dsol (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(VERBS)


@functools.cache
def help_of(verb: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
        main([verb, "--help"])
    return shown.getvalue()


def commands(page: Path) -> list[tuple[str, str]]:
    """Verb and the rest of each `dsol` command that a page shows, in a block of code or between back-ticks."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in CODE.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", CODE.sub("", text))]
    return [found.groups() for each in lines + spans for found in COMMAND.finditer(each.partition(" #")[0])]


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_every_command_that_a_page_shows_can_be_typed(page):
    for verb, rest in commands(page):
        assert verb in VERBS
        unknown = [
            flag for flag in re.findall(r"--[\w.-]+", rest) if not re.search(rf"{flag}(?![\w.-])", help_of(verb))
        ]
        assert not unknown, f"dsol {verb}"


def test_the_tests_see_pages_links_and_options():
    assert ROOT / "README.md" in PAGES
    assert ROOT / "docs" / "method.md" in PAGES
    assert not leads_somewhere(ROOT / "README.md", "docs/no_such_page.md")
    assert not leads_somewhere(ROOT / "README.md", "docs/method.md#no-such-heading")
    assert leads_somewhere(ROOT / "README.md", "docs/method.md#all-options")
    assert ("localize", " party.mp4 --model run") in [(v, r.rstrip()) for v, r in commands(ROOT / "README.md")]
    assert "--inference.flip" in help_of("localize")
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
