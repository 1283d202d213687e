"""The documents as a site: built in strict mode, without a network, and every link of it leads somewhere."""

import re
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.browser import CHROMIUM, Browser

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(find_spec("mkdocs") is None, reason="needs the extra docs")
LOADED = {"script": "src", "img": "src", "link": "href", "source": "src", "video": "src", "iframe": "src"}


class Page(HTMLParser):
    """What a page links to, loads, and can be linked to by."""

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.loads, self.names = [], [], {""}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.names |= {values.get("id"), values.get("name")}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if values.get(LOADED.get(tag, "")) and values.get("rel") not in ("canonical", "prev", "next"):
            self.loads.append(values[LOADED[tag]])


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    place = tmp_path_factory.mktemp("site")
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(place), strict=True))
    return place


def test_every_link_leads_somewhere(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:|//", link) or path.name == "404.html":
                continue
            name, _, part = unquote(link).partition("#")
            target = (path.parent / name).resolve() if name else path
            if not target.is_file() or (target in pages and part not in pages[target].names):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert not broken
    assert len(pages) > 20


def test_nothing_is_fetched_from_elsewhere(site):
    for path in site.rglob("*.html"):
        assert not [load for load in Page(path).loads if re.match(r"[a-z]+:|//", load) and not load.startswith("data:")]
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert not re.search(r"url\(['\"]?(https?:)?//", styles)


def test_the_pages_that_people_look_for_are_in_the_menu(site):
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", (site / "index.html").read_text("utf-8")))
    for name in ("Start in five minutes", "Your own videos", "Python", "The web page", "Results", "Questions",
                 "The method", "How localisation is scored", "Commands", "general", "small"):  # fmt: skip
        assert name in said


def test_the_page_of_commands_has_the_help_of_every_verb(site):
    from dsol.cli import VERBS

    said = (site / "commands.html").read_text("utf-8")
    assert all(f"usage: dsol {verb} [options]" in said for verb in VERBS)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize(("size", "dark"), [((1280, 900), False), ((390, 844), True)], ids=["desktop", "phone, dark"])
def test_a_page_fits_its_window(site, tmp_path, size, dark):
    with Browser(tmp_path / "profile", size, dark) as browser:
        browser.open(f"file://{site / 'start.html'}")
        browser.wait("document.querySelector('h1')")
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        assert browser.run("document.querySelector('h1').innerText").startswith("Start in five minutes")
