"""The example in docs/data.md of a corpus of one's own works as it stands."""

import re
import sys
from pathlib import Path
from types import ModuleType

from dsol.data import corpora
from dsol.data.prepare import prepare
from tests.videos import write_folder

DOCS = Path(__file__).parents[3] / "docs" / "data.md"


def test_the_example_of_a_corpus_works(tmp_path, monkeypatch):
    section = DOCS.read_text().split("### Adding a corpus")[1]
    module = ModuleType("pets")
    exec(re.search(r"```python\n(.*?)```", section, re.S)[1], module.__dict__)
    monkeypatch.setitem(sys.modules, "pets", module)
    monkeypatch.setitem(corpora.CORPORA, "pets", "pets")
    folder = write_folder(tmp_path / "corpus", ["a.mp4", "b.webm"])
    (folder / "labels.csv").write_text("a.mp4,dog\nc.mp4,cat\n")
    store = prepare(folder, tmp_path / "store", layout="pets", workers=1)
    assert [(row.clip, row.category) for row in store.rows] == [("a.mp4@0", "dog"), ("a.mp4@1", "dog")]
    assert (store.info["listed"], store.info["missing"]) == (2, ["c.mp4"])


def test_every_layout_has_its_section():
    text = DOCS.read_text()
    for name in corpora.CORPORA:
        assert re.search(rf"^### {name}\b", text, re.M | re.I), f"docs/data.md has no section for {name}"
