"""What the site needs beside docs/: pages of files elsewhere in the repository, and one of all commands.

a link out of docs/ ─▶ that file as a page below repository/ (Markdown as it is, code in a block)
every verb's --help ─▶ commands.md
"""

import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.structure.files import File, Files

from dsol.cli import VERBS, help_of

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
BLOCK = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
LANGUAGES = {".py": "python", ".yaml": "yaml", ".csv": "text", ".ipynb": "json"}


def on_files(files: Files, config) -> Files:
    """Add the pages that are made."""
    files.append(File.generated(config, "commands.md", content=commands()))
    waiting = [Path("docs", file.src_uri) for file in files.documentation_pages() if file.src_uri != "commands.md"]
    waiting += [ROOT.joinpath(uri.removeprefix("repository/")).relative_to(ROOT) for uri in in_nav(config["nav"])]
    seen = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        uri = PurePosixPath(uri_of(path))
        if path.parts[0] != "docs" and files.get_file_from_path(str(uri)) is None:
            files.append(File.generated(config, str(uri), content=page_of(path)))
        if path.suffix == ".md":
            text = ROOT.joinpath(path).read_text(encoding="utf-8")
            waiting += [target for link in links(text) if (target := target_of(path, link)) is not None]
    return files


def on_page_markdown(markdown: str, page, **_) -> str:
    """Lead its links to where their files stand on the site."""
    uri = page.file.src_uri
    path = Path(uri.removeprefix("repository/")) if uri.startswith("repository/") else Path("docs", uri)

    def led(found: re.Match) -> str:
        target = target_of(path, found[2])
        return found[0] if target is None else found[1] + os.path.relpath(uri_of(target), Path(uri).parent) + found[3]

    parts = BLOCK.split(markdown)
    return "".join(part if part.startswith("`") else LINK.sub(led, part) for part in parts)


def links(text: str) -> list[str]:
    """Where a page's links lead, without those in code."""
    return [found[1] for part in BLOCK.split(text) if not part.startswith("`") for found in LINK.findall(part)]


def target_of(page: Path, link: str) -> Path | None:
    """The file that a link leads to, seen from the repository; None for an address, or what is not there."""
    if "://" in link:
        return None
    path = Path(os.path.normpath(page.parent / link))
    return path if ROOT.joinpath(path).is_file() else None


def uri_of(path: Path) -> str:
    """Where a file of the repository stands on the site."""
    if path.parts[0] == "docs":
        return path.relative_to("docs").as_posix()
    return f"repository/{path.as_posix()}" + ("" if path.suffix == ".md" else ".md")


def page_of(path: Path) -> str:
    """A file as Markdown."""
    text = ROOT.joinpath(path).read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    return f"# {path.name}\n\n`{path.as_posix()}`\n\n~~~~{LANGUAGES.get(path.suffix, 'text')}\n{text}\n~~~~\n"


def in_nav(nav) -> list[str]:
    """The made pages that the menu names."""
    entries = nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else [nav]
    if isinstance(nav, str):
        return [nav] if nav.startswith("repository/") else []
    return [uri for entry in entries for uri in in_nav(entry)]


def commands() -> str:
    """All verbs with their help."""
    parts = [f"## dsol {verb}\n\n```text\n{help_of(verb)}\n```\n" for verb in VERBS]
    return "# Commands\n\nWhat `dsol VERB --help` prints.\n\n" + "\n".join(parts)
