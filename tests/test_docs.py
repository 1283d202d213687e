"""What the docs say of options, commands, files and pages is so; their commands run, or say what they need."""

import contextlib
import functools
import io
import json
import re
import runpy
import shlex
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dsol.arguments import described
from dsol.cli import VERBS, main
from dsol.config import SECTIONS, Config
from dsol.data.boxes import Boxes, Frame
from dsol.data.scenes import compose
from dsol.data.store import Store
from dsol.evaluation.evaluate import evaluate
from dsol.localize import Wanted, localize_videos
from dsol.old_options import MERGED, MOVED
from tests.data.corrections.test_round_trip import accepted

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


# Commands and programs run: in small, on a desk with what the pages name.

NEEDS = "needs:"  # in a comment: what a line, or after "#" alone in its line a whole block, must have to run
ELSEWHERE = {"serve": "tests/serve", "demo": ".ci/run"}  # verbs whose commands other tests run
RUN = [page for page in PAGES if page.name != "CHANGELOG.md"]
SMALL = [  # what makes a command as small as the desk
    (r"^(dsol train .*?)( --recipe \S+)?( --clustering\.clusters \d+)?$", r"\1 --recipe tiny"),
    (r"^(dsol localize (?!.*--model).*)", r"\1 --model run"),
    (r"--model (small|general)$", "--model run"),
    (r"^dsol toyband (\S+).*", r"dsol toyband \1 --solos 1 --duets 1 --workers 1"),
    (r"--scenes 500", "--scenes 4"),
    (r"^dsol compose (?!.*--scenes)(.*)", r"dsol compose \1 --scenes 4"),
    (r"(--inference\.audibility_threshold \S+)$", r"\1 --inference.decoder objects"),
    (r"^dsol export small", "dsol export run"),
    (r"Localizer\.load\(\)", 'Localizer.load("run")'),
]


@pytest.fixture(scope="session")
def desk(shapes, trained, tmp_path_factory) -> Path:
    """What the pages speak of: videos, a store, a run, boxes, maps, and files that come back from other tools."""
    desk = tmp_path_factory.mktemp("docs") / "desk"
    corpus = shapes.path.parent / "corpus"
    shutil.copytree(corpus / "train", desk / "videos")
    shutil.copy(corpus / "train" / "disc" / "1.mp4", desk / "videos" / "disc" / "party.mp4")
    shutil.copy(corpus / "train" / "disc" / "1.mp4", desk / "party.mp4")
    shutil.copytree(shapes.path, desk / "store")
    shutil.copytree(trained, desk / "run")
    compose(Store.open(shapes.path), desk / "scenes", scenes=4, split="test", boxed=True)
    whole = Boxes.load(corpus / "boxes.json")
    first = [f for f in whole if f.video.startswith("train/") and f.video.endswith("/0.mp4")]
    frames = tuple(Frame(f.video.removeprefix("train/"), f.time_s, f.boxes) for f in first)
    Boxes(whole.categories, frames).save(desk / "boxes.json")
    maps = {frame.key: np.random.default_rng(0).random((4, 14, 14)).astype(np.float32) for frame in frames}
    np.savez(desk / "maps.npz", **maps, categories=np.array(whole.categories))
    figures = evaluate(desk / "run", desk / "scenes", "synthetic", match=desk / "store").to_json()
    (desk / "scenes.json").write_text(json.dumps(figures))
    wanted = Wanted("labelstudio,cvat,eaf", film=False)
    (found,) = localize_videos([desk / "videos" / "disc" / "party.mp4"], desk / "run", desk / "localized", wanted)
    shutil.move(accepted(found / "labelstudio.json"), desk / "export.json")
    shutil.move(found / "sounds.eaf", desk / "sounds.eaf")
    with zipfile.ZipFile(found / "cvat.zip") as file:
        file.extract("annotations.xml", desk)
    return desk


@pytest.fixture
def at_the_desk(desk, tmp_path, monkeypatch) -> Path:
    """A copy of it, as the working folder; whoever is asked for a name says "disc"."""
    place = Path(shutil.copytree(desk, tmp_path / "desk"))
    monkeypatch.chdir(place)
    monkeypatch.setattr("sys.stdin", io.StringIO("disc\n" * 40))
    return place


def in_small(text: str) -> str:
    for pattern, instead in SMALL:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return text


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of a page in a language, without those that are marked as a whole."""
    found = re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [block for block in found if not re.search(rf"^# {NEEDS}", block, re.MULTILINE)]


def runnable(lines: list[str]) -> list[str]:
    """Those that are commands of ours, are not marked, and are not run by other tests."""
    mine = [line for line in lines if line.startswith("dsol ") and NEEDS not in line]
    return [" ".join(line.partition(" #")[0].split()) for line in mine if line.split()[1].rstrip("…") not in ELSEWHERE]


def run_line(line: str) -> None:
    """One command, as a shell would read it. What it makes is made anew."""
    verb, *words = shlex.split(in_small(line))[1:]
    spread = [str(path) for word in words for path in (sorted(Path().glob(f"**/{Path(word).name}"))[:2] or [word])
              if "*" in word] if any("*" in word for word in words) else []  # fmt: skip
    words = [*spread, *(word for word in words if "*" not in word)]
    made = {"prepare": 1, "compose": 1, "train": 1, "toyband": 0}.get(verb)
    if made is not None:
        shutil.rmtree([word for word in words if not word.startswith("--")][made], ignore_errors=True)
    if "--names" in words:  # which a person has edited
        Path(words[words.index("--names") + 1]).write_text('{"cluster 0": "disc"}')
    main([verb, *words])  # a wrong call would end in SystemExit


@pytest.mark.parametrize("page", RUN, ids=of)
def test_every_command_of_a_page_runs_or_says_what_it_needs(page, request):
    lines = [line for block in blocks(page, "") for line in block.replace("\\\n", " ").splitlines()]
    waiting = [line for line in runnable(lines) if not line.startswith(("dsol --",))]
    if waiting:
        request.getfixturevalue("at_the_desk")
    for line in waiting:
        run_line(line)


@pytest.mark.parametrize("page", [page for page in RUN if blocks(page, "python")], ids=of)
def test_every_program_of_a_page_runs_or_says_what_it_needs(page, at_the_desk):
    names: dict = {}
    for block in blocks(page, "python"):
        kept = "\n".join(line for line in block.splitlines() if NEEDS not in line)
        exec(compile(in_small(kept), of(page), "exec"), names)


@pytest.mark.parametrize("verb", VERBS)
def test_every_example_in_help_runs_or_says_what_it_needs(verb, at_the_desk):
    _, examples = described(VERBS[verb].__doc__)
    assert examples
    (at_the_desk / "gallery").mkdir()
    (at_the_desk / "gallery" / "names.json").write_text('{"cluster 0": "disc"}')
    for line in runnable(examples):
        run_line(line)


def test_the_files_and_functions_of_the_equations_are_there():
    text = (ROOT / "docs" / "method.md").read_text("utf-8")
    table = text.partition("## Equation by equation")[2].partition("## Input")[0]
    rows = [line for line in table.splitlines() if re.match(r"\| \d ", line)]
    assert [row.split("|")[1].strip() for row in rows] == list("12345678")
    for row in rows:
        cell = row.split("|")[3]
        text = "".join((ROOT / "docs" / link).read_text("utf-8") for link in LINK.findall(cell))
        assert all(re.search(rf"(def|class) {name}\b", text) for name in re.findall(r"`(\w+)`", cell))


def test_what_is_marked_and_what_is_not():
    assert runnable(["dsol score a b  # needs: a", "dsol serve", "pip install .", "dsol score a b  # c"]) == [
        "dsol score a b"]  # fmt: skip
    assert in_small("dsol train s r --clustering.clusters 16") == "dsol train s r --recipe tiny"
    assert in_small("dsol train s r --resume") == "dsol train s r --resume --recipe tiny"
    assert blocks(ROOT / "docs" / "start.md", "python")
