"""What `import dsol` offers: few names, quickly there, typed, in threads, in an event loop, and in other forms."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.resources import files
from importlib.util import find_spec

import numpy as np
import pytest

import dsol
from dsol.localize.notebook import player
from tests.localize.formats.found import band, silence
from tests.shapes import write_shape


@pytest.fixture(scope="module")
def party(tmp_path_factory):
    video = tmp_path_factory.mktemp("public") / "party.mp4"
    write_shape(video, "disc", seed=3)
    return video


@pytest.fixture(scope="module")
def localizer(trained):
    return dsol.Localizer.load(trained)


def test_there_are_fewer_than_ten_names_and_each_leads_somewhere():
    assert len(dsol.__all__) < 10
    assert all(callable(getattr(dsol, name)) for name in dsol.__all__)
    assert set(dsol.__all__) < set(dir(dsol))
    with pytest.raises(AttributeError, match="fly"):
        dsol.fly  # noqa: B018


def test_the_import_waits_for_nothing():
    code = "import dsol, sys; print([name for name in ('torch', 'numpy', 'av', 'yaml') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_name_whose_packages_are_missing_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None; import dsol; dsol.train"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr
    assert "DsolError: dsol.train: needs torch, not installed (pip install 'dsol[train]')" in said


def test_types_are_for_everyone():
    assert files("dsol").joinpath("py.typed").is_file()


def test_threads_share_a_localizer(localizer, party):
    alone = localizer(party).to_json()
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda _: localizer(party).to_json(), range(3))) == [alone] * 3


def test_an_event_loop_goes_on_meanwhile(localizer, party, tmp_path):
    async def both():
        ticks, work = 0, asyncio.create_task(asyncio.to_thread(localizer, party))
        while not work.done():
            ticks += 1
            await asyncio.sleep(0.001)
        store = await asyncio.to_thread(dsol.prepare, party.parent, tmp_path / "store", size=32, workers=2)
        return ticks, work.result(), store, localizer(party)  # called in the loop itself it blocks, and works

    ticks, found, store, again = asyncio.run(both())
    assert ticks > 1
    assert len(store) == 2
    assert found.to_json() == again.to_json()


def test_it_says_in_a_line_what_it_is(localizer, party):
    assert repr(localizer(party)).startswith(f"Localization('{party}', 2.0 s, 8 answers: ")


def test_saved_and_loaded_it_is_the_same(localizer, party, tmp_path):
    found = localizer(party)
    (file,) = found.save(tmp_path / "found.npz")
    back = dsol.Localization.load(file)
    assert back.boxes() == found.boxes()
    assert (back.categories, back.size, back.video) == (found.categories, found.size, found.video)
    assert np.allclose(back.maps, found.maps, atol=1e-3)
    assert np.array_equal(back.pictures, found.pictures)
    assert [path.name for path in found.save(tmp_path / "a" / "b", "srt,csv")] == [
        "localized.srt", "stretches.csv", "times.csv"]  # fmt: skip


def test_what_is_no_saved_localization_is_refused(tmp_path):
    (tmp_path / "text.npz").write_text("no")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    for name in ("text.npz", "other.npz", "nowhere.npz"):
        with pytest.raises(dsol.DsolError, match=name):
            dsol.Localization.load(tmp_path / name)


def test_a_file_where_a_folder_is_wanted_is_kept(localizer, party, tmp_path):
    (tmp_path / "there").write_text("kept")
    with pytest.raises(dsol.DsolError, match="there: cannot be written"):
        localizer(party).save(tmp_path / "there")
    assert (tmp_path / "there").read_text() == "kept"


@pytest.mark.skipif(find_spec("pandas") is None, reason="needs pandas")
def test_pandas_has_a_row_a_stretch():
    from dsol.localize.tables import to_pandas

    timeline = band()
    table = to_pandas(timeline)
    assert table["object"].tolist() == [each.name for each in timeline.stretches()]
    assert (table["end_s"] > table["start_s"]).all()
    hidden = table[table["state"] == "off screen"]
    assert hidden[["x", "y", "width", "height"]].isna().all(axis=None)
    assert not table[table["state"] == "seen"].isna().any(axis=None)
    assert to_pandas(silence()).empty


def test_supervision_has_the_boxes_in_pixels():
    pytest.importorskip("supervision")
    from dsol.localize.tables import to_supervision

    timeline = band()
    each = to_supervision(timeline)
    assert len(each) == len(timeline.times_s)
    (track,) = [track for track in timeline.tracks if track.name == "violin #1"]
    (place,) = np.flatnonzero(each[0].tracker_id == track.id)
    x, y, w, h = track.xywh[0] * np.tile(timeline.size, 2)
    assert np.allclose(each[0].xyxy[place], [x, y, x + w, y + h])
    assert each[0].data["class_name"][place] == "violin #1"
    states = np.concatenate([detections.data["state"] for detections in each])
    assert set(states) == {"seen", "silent"}, "what is off screen has no box"


def test_supervision_draws_and_joins_a_real_localization(localizer, party):
    supervision = pytest.importorskip("supervision")
    found = localizer(party)
    each = found.to_supervision()
    assert [len(detections) for detections in each] == [len(frame.boxes) for frame in found.boxes()]
    whole = supervision.Detections.merge(each)
    assert len(whole) > 0
    assert (whole.xyxy[:, 2:] <= np.array(found.size) + 0.01).all()
    names = np.array(found.categories)[whole.class_id]
    assert all(shown.startswith(name) for shown, name in zip(whole.data["class_name"], names, strict=True))
    black = np.zeros((*found.size[::-1], 3), np.uint8)
    assert supervision.BoxAnnotator().annotate(black.copy(), whole).any()
    assert supervision.LabelAnnotator().annotate(black.copy(), whole).any()


def test_without_the_package_it_says_which_one(monkeypatch, localizer, party):
    monkeypatch.setattr("dsol.localize.tables.find_spec", lambda name: None)
    with pytest.raises(dsol.DsolError, match="needs pandas, not installed"):
        localizer(party).to_pandas()


def test_a_notebook_gets_a_player_of_its_own(party):
    page = player(replace(band(), video=str(party)))
    assert page.startswith('<iframe title="Who sounds when in ')
    assert "data:video/mp4;base64," in page
    assert "//" not in page.split("base64,")[0].replace("http://www.w3.org/2000/svg", "")
    assert "violin #1" in page


def test_a_player_without_its_video_shows_the_lanes():
    page = player(band(video="</script>gone.mp4"))
    assert "the video is not where it was" in page
    assert "base64" not in page
    assert "</script>gone" not in page
    assert "Nothing is heard" in player(silence())
