"""The way round: what is found goes to a tool, is corrected there, and comes back as boxes.json."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pympi.Elan import Eaf

from dsol.cli import main
from dsol.data.boxes import Boxes
from dsol.data.corrections import correct
from dsol.errors import DsolError
from dsol.localize.formats import write_formats
from dsol.localize.tracks import iou
from tests.localize.formats.found import band, silence, solo
from tests.videos import write_video

TOLERANCE = 0.04  # of the frame: keyframes are thinned, and begin at the first frame of the video after a border


def accepted(task: Path) -> Path:
    """What Label Studio exports after a person accepted the prediction as it stands."""
    tasks = json.loads(task.read_text())
    for each in tasks:
        each["annotations"] = [{"id": 1, "result": each.pop("predictions")[0]["result"]}]
    task.with_name("export.json").write_text(json.dumps(tasks))
    return task.with_name("export.json")


def exported(found, folder: Path, kind: str) -> list[Path]:
    """The files that `dsol correct` gets, of a person who changed nothing."""
    if kind == "labelstudio":
        return [accepted(write_formats(found, folder, kind)[0])]
    if kind == "cvat":
        return write_formats(found, folder, "cvat,json")[:1]
    if kind in ("eaf", "textgrid", "audacity"):
        return write_formats(found, folder, [kind, "json"])
    return write_formats(found, folder, kind)


def expected(found) -> dict[float, list[tuple]]:
    """Time -> (category, sounding, box) of all that is seen."""
    return {
        round(float(time_s), 3): sorted(
            (track.category, found.states[t, track.place] != 2, tuple(track.xywh[t].tolist()))
            for track in found.tracks
            if track.present[t]
        )
        for t, time_s in enumerate(found.times_s)
    }


@pytest.mark.parametrize("kind", ["labelstudio", "cvat", "coco", "json", "eaf", "textgrid", "audacity"])
@pytest.mark.parametrize("found", [band(), solo(), silence()], ids=["band", "solo", "silence"])
def test_what_nobody_changed_comes_back_as_it_was(tmp_path, kind, found):
    boxes = correct(exported(found, tmp_path, kind), tmp_path / "boxes.json", fps=found.fps)
    assert Boxes.load(tmp_path / "boxes.json") == boxes
    wanted = expected(found)
    assert [frame.time_s for frame in boxes] == sorted(wanted)
    for frame in boxes:
        back = sorted((box.category, box.sounding, box.xywh) for box in frame.boxes)
        assert [row[:2] for row in back] == [row[:2] for row in wanted[frame.time_s]], frame.time_s
        for (*_, one), (*_, other) in zip(back, wanted[frame.time_s], strict=True):
            assert np.allclose(one, other, atol=TOLERANCE)
    assert {frame.video for frame in boxes} == {Path(found.video).name}


def test_a_box_that_was_moved_and_renamed_in_label_studio(tmp_path):
    file = accepted(write_formats(solo(), tmp_path, "labelstudio")[0])
    tasks = json.loads(file.read_text())
    for region in tasks[0]["annotations"][0]["result"]:
        if region["type"] == "videorectangle":
            region["value"]["labels"] = ["cello"]
            for at in region["value"]["sequence"]:
                at["x"], at["width"] = 0, 25
        if region["type"] == "timelinelabels":
            region["value"]["timelinelabels"] = ["cello"]
            region["value"]["ranges"] = [{"start": 1, "end": 25}]
    file.write_text(json.dumps(tasks))
    boxes = correct([file], tmp_path / "boxes.json")
    assert boxes.categories == ("cello",)
    assert {frame.boxes[0].xywh[0::2] for frame in boxes} == {(0.0, 0.25)}
    assert [frame.boxes[0].sounding for frame in boxes] == [True] * 4 + [False] * 8


def test_what_elan_says_of_an_object_holds_for_its_box(tmp_path):
    eaf_file, result = write_formats(band(), tmp_path, "eaf,json")
    eaf = Eaf(str(eaf_file))
    eaf.remove_all_annotations_from_tier("violin #2")
    eaf.add_annotation("violin #2", 4000, 5000, "cello")  # another name, and for one second only
    eaf.remove_all_annotations_from_tier("flute")
    eaf.add_annotation("flute", 0, 1000, "flute")  # it sounded after all
    eaf.to_file(str(eaf_file))
    boxes = correct([eaf_file, result], tmp_path / "boxes.json")
    told = {frame.time_s: sorted((box.category, box.sounding) for box in frame.boxes) for frame in boxes}
    assert told[0.5] == [("flute", True), ("violin", True)]
    assert told[3.0] == [("flute", False), ("violin", False), ("violin", True)]
    assert told[4.5] == [("cello", True), ("flute", False), ("violin", True)]


def test_boxes_of_cvat_sound_when_elan_says_so(tmp_path):
    (bundle, _), (eaf_file,) = (write_formats(solo(), tmp_path, kind) for kind in ("cvat", "eaf"))
    eaf = Eaf(str(eaf_file))
    eaf.remove_all_annotations_from_tier("violin")
    eaf.add_annotation("violin", 1000, 2000, "violin")
    eaf.to_file(str(eaf_file))
    boxes = correct([bundle, eaf_file], tmp_path / "boxes.json", fps=25)
    assert [frame.boxes[0].sounding for frame in boxes] == [False] * 4 + [True] * 4 + [False] * 4


def test_videos_are_called_by_their_path_below_the_folder_and_tell_their_frame_rate(tmp_path):
    (tmp_path / "videos" / "violin").mkdir(parents=True)
    write_video(tmp_path / "videos" / "violin" / "solo.mp4", seconds=3, fps=25)
    bundle, _ = write_formats(solo("solo.mp4"), tmp_path, "cvat")
    boxes = correct([bundle], tmp_path / "boxes.json", videos=tmp_path / "videos")
    assert {frame.video for frame in boxes} == {"violin/solo.mp4"}
    assert [frame.time_s for frame in boxes] == [n / 4 for n in range(12)]


def test_files_of_several_videos_make_one_boxes_json(tmp_path):
    files = []
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name[0]).mkdir()
        files += write_formats(solo(name), tmp_path / name[0], "coco")
    boxes = correct(files, tmp_path / "boxes.json")
    assert sorted({frame.video for frame in boxes}) == ["a.mp4", "b.mp4"]
    assert len(boxes) == 24


def test_videos_of_one_name_in_two_folders_stay_apart(tmp_path):
    files = []
    for place in ("train/cello", "test/flute"):
        (tmp_path / "videos" / place).mkdir(parents=True)
        video = write_video(tmp_path / "videos" / place / "0001.mp4", seconds=1)
        files += write_formats(solo(str(video), seconds=1), video.parent, "coco")
    boxes = correct(files, tmp_path / "boxes.json", videos=tmp_path / "videos")
    assert sorted({frame.video for frame in boxes}) == ["test/flute/0001.mp4", "train/cello/0001.mp4"]
    with pytest.raises(DsolError, match=r"another video is named 0001\.mp4, too \(give --videos"):
        correct(files, tmp_path / "boxes.json")
    bundle = write_formats(solo("0001.mp4", seconds=1), tmp_path, "cvat")[0]
    with pytest.raises(DsolError, match=r"cvat\.zip: names a video 0001\.mp4, and there are several"):
        correct([bundle], tmp_path / "boxes.json", videos=tmp_path / "videos")


def test_a_video_that_is_not_there_is_an_error(tmp_path):
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "other.mp4", seconds=1)
    (file,) = write_formats(solo(), tmp_path, "coco")
    with pytest.raises(DsolError, match=r"is of solo\.mp4, which is not below --videos"):
        correct([file], tmp_path / "boxes.json", videos=tmp_path / "videos")


def test_cvat_without_a_frame_rate_is_an_error_that_says_what_helps(tmp_path):
    bundle, _ = write_formats(solo(), tmp_path, "cvat")
    with pytest.raises(DsolError, match=r"does not give the frame rate \(give --videos"):
        correct([bundle], tmp_path / "boxes.json")


def test_times_without_places_are_an_error_that_says_what_helps(tmp_path):
    (eaf_file,) = write_formats(solo(), tmp_path, "eaf")
    with pytest.raises(DsolError, match=r"has times of sounds in solo\.mp4 but no positions \(give the result\.json"):
        correct([eaf_file], tmp_path / "boxes.json")
    assert not (tmp_path / "boxes.json").exists()


def test_a_video_of_years_is_a_mistake_in_the_file(tmp_path):
    bundle, _ = write_formats(solo(), tmp_path, "cvat")
    with zipfile.ZipFile(bundle) as files:
        text = files.read("annotations.xml").decode()
    file = tmp_path / "a.xml"
    file.write_text(text.replace("<size>75<", "<size>75000000000<"))
    with pytest.raises(DsolError, match=r"a\.xml: is of a video of 3000000000 seconds"):
        correct([file], tmp_path / "boxes.json", fps=25)


def test_two_files_of_one_videos_places_are_an_error(tmp_path):
    files = [write_formats(solo(), tmp_path, kind)[0] for kind in ("coco", "cvat")]
    with pytest.raises(
        DsolError, match=r"cvat\.zip: has the positions of objects in solo\.mp4, and so does .*boxes\.coco\.json"
    ):
        correct(files, tmp_path / "boxes.json", fps=25)


def test_a_file_that_names_no_video_among_several_is_an_error(tmp_path):
    (grid,) = write_formats(solo(), tmp_path, "textgrid")
    files = []
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name[0]).mkdir()
        files += write_formats(solo(name), tmp_path / name[0], "json")
    with pytest.raises(DsolError, match=r"sounds\.TextGrid: does not name its video, and there are 2"):
        correct([*files, grid], tmp_path / "boxes.json")


def test_what_sounds_without_a_box_is_told(tmp_path, capsys):
    correct(exported(band(), tmp_path, "eaf"), tmp_path / "boxes.json")
    assert "my band.mp4: bass_drum sounds without a box" in capsys.readouterr().err


def test_a_box_outside_the_picture_is_an_error_that_names_its_moment(tmp_path):
    (file,) = write_formats(solo(), tmp_path, "coco")
    data = json.loads(file.read_text())
    data["annotations"][3]["bbox"] = [600, 10, 300, 40]
    file.write_text(json.dumps(data))
    with pytest.raises(DsolError, match=r"solo\.mp4 at 0\.750 s: box .* leaves the frame"):
        correct([file], tmp_path / "boxes.json")


def test_the_command_line(tmp_path, capsys):
    bundle, _ = write_formats(replace(solo(), video="a/solo.mp4"), tmp_path, "cvat")
    with zipfile.ZipFile(bundle) as files:
        files.extractall(tmp_path)
    main(["correct", str(tmp_path / "annotations.xml"), "--fps", "25", "--out", str(tmp_path / "b" / "boxes.json")])
    assert "12 frames of 1 video, 12 boxes, 0 of them silent" in capsys.readouterr().err
    assert iou(np.array(Boxes.load(tmp_path / "b" / "boxes.json").frames[5].boxes[0].xywh), solo().xywh[5, 0]) > 0.9
    with pytest.raises(SystemExit) as stop:
        main(["correct", str(tmp_path / "annotations.xml"), "--fps", "0"])
    assert stop.value.code == 2


@pytest.mark.parametrize("kind", ["labelstudio", "cvat", "coco", "json", "eaf", "textgrid", "audacity"])
def test_a_spoilt_file_is_read_or_refused_in_one_line(tmp_path, kind):
    file = exported(band(), tmp_path, kind)[0]
    if kind == "cvat":
        with zipfile.ZipFile(file) as files:
            files.extractall(tmp_path)
        file = tmp_path / "annotations.xml"
    good, random = file.read_bytes(), np.random.default_rng(0)
    refused = []
    for n in range(80):
        data = bytearray(good)
        for place in random.integers(0, len(data), 1 + n % 4):
            data[place] = random.choice(list(b'0129-."<>{}[],:a \xff\n'))
        file.write_bytes(bytes(data[: len(data) if n % 3 else random.integers(0, len(data))]))
        try:
            correct([file, *exported(band(), tmp_path, "json")] if kind in ("eaf", "textgrid", "audacity") else [file],
                    tmp_path / "boxes.json", fps=25)  # fmt: skip
        except DsolError as error:
            refused.append(str(error))
    assert not any("\n" in line for line in refused)
    assert refused or kind in ("textgrid", "audacity")


def test_of_several_files_one_that_cannot_be_read_costs_no_other(tmp_path, capsys):
    (file,) = write_formats(solo(), tmp_path, "json")
    (tmp_path / "bad.json").write_text("junk", "utf-8")
    with pytest.raises(SystemExit) as end:
        main(["correct", str(file), str(tmp_path / "bad.json"), "--out", str(tmp_path / "boxes.json")])
    assert end.value.code == 2
    assert "bad.json: 1 of 2 files failed" in capsys.readouterr().err
    assert len(Boxes.load(tmp_path / "boxes.json")) > 0
    with pytest.raises(DsolError, match="is not JSON"):
        correct([tmp_path / "bad.json"], tmp_path / "none.json")
    assert not (tmp_path / "none.json").exists()
