"""Files that benchmarks/fuzz.py found to end in a traceback, a hang or a long line: each is one clear line now."""

import json
import struct
import zipfile

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from safetensors.numpy import save_file

from dsol.config import SHIPPED, Config, load_recipe
from dsol.data.boxes import Box, Boxes, Frame
from dsol.data.corpora import read_corpus
from dsol.data.corpora.annotation_writers import write_boxes
from dsol.data.corpora.annotations import read_boxes
from dsol.data.media import probe, read_seconds
from dsol.data.prepare import prepare
from dsol.data.store.index import schema
from dsol.errors import DsolError
from dsol.inspection import inspect
from dsol.localize.heat import draw_heat
from dsol.localize.painter import Painter
from dsol.model.file import load_card
from dsol.model.maps import read_maps
from dsol.naming.naming import read_names, rename_model
from dsol.training.run import Run
from tests.localize.test_localize import timeline_of
from tests.videos import restamped, write_video

ONE = "1Ju4S0qeDqw"
DEEP = "[" * 100_000
HUGE = 10**400


def one_line(error) -> str:
    line = str(error.value)
    assert "\n" not in line
    assert len(line) < 600
    return line


def annotations(path, format: str):
    frame = Frame(ONE, 5.0 if format == "vggss" else 1.0, (Box("cello", (0.25, 0.25, 0.5, 0.5)),))
    write_boxes(Boxes(("cello",), (frame,)), path, format)
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("value", [HUGE, "x" * 5000, None, {}], ids=["huge", "long", "none", "object"])
@pytest.mark.parametrize("format", ["native", "coco", "dsol", "audioset", "avgn"])
def test_a_number_that_is_none_is_told_in_one_line(tmp_path, format, value):
    data = annotations(tmp_path / "boxes.json", format)
    text = json.dumps(data).replace("0.25", json.dumps(value)).replace("56.0", json.dumps(value))
    (tmp_path / "boxes.json").write_text(text, "utf-8")
    with pytest.raises(DsolError) as error:
        read_boxes(tmp_path / "boxes.json")
    assert "boxes.json" in one_line(error)


@pytest.mark.parametrize("text", [DEEP, '[{"file": "a", "bbox": 1.5}]', "[1]", "1", "null", '{"a": 1}'])
def test_a_text_of_another_form_is_no_annotation(tmp_path, text):
    (tmp_path / "boxes.json").write_text(text, "utf-8")
    for read in (read_boxes, Boxes.load):
        with pytest.raises(DsolError) as error:
            read(tmp_path / "boxes.json")
        one_line(error)


def test_a_start_that_is_no_number_is_named(tmp_path):
    (tmp_path / "vggsound.csv").write_text(f"{ONE},soon,cello,test\n", "utf-8")
    with pytest.raises(DsolError, match="starts at 'soon', which is no number"):
        read_corpus(tmp_path, "vggsound")


@pytest.mark.parametrize("text", [DEEP, "seed: " + "9" * 5000, "- " * 20_000], ids=["deep", "long", "lists"])
def test_options_that_yaml_cannot_take_in_are_refused(tmp_path, text):
    Run.start(tmp_path / "run", load_recipe("tiny"))
    for path in (tmp_path / "recipe.yaml", tmp_path / "run" / "config.yaml"):
        path.write_text(text, "utf-8")
    for read in (lambda: load_recipe(str(tmp_path / "recipe.yaml")), lambda: Run.resume(tmp_path / "run")):
        with pytest.raises(DsolError) as error:
            read()
        one_line(error)


@pytest.mark.parametrize(
    ("name", "value"), [("shards", 1.5), ("shards", "x"), ("made", []), ("skipped", 1), ("clips", None)]
)
def test_a_description_of_a_store_with_other_types_is_refused(tmp_path, name, value):
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "a.mp4")
    prepare(tmp_path / "videos", tmp_path / "store", workers=1)
    info = json.loads((tmp_path / "store" / "store.json").read_text("utf-8"))
    (tmp_path / "store" / "store.json").write_text(json.dumps({**info, name: value}), "utf-8")
    with pytest.raises(DsolError, match="is not a store's description"):
        inspect(tmp_path / "store")


@pytest.mark.parametrize("size", [(16_384, 2), (2, 4096), (1, 1), (4096, 4096)])
def test_a_thin_picture_is_not_enlarged_beyond_measure(size):
    painter = Painter(timeline_of(np.ones((4, 1))).__class__(**{**vars(timeline_of(np.ones((4, 1)))), "size": size}))
    assert max(painter.picture) <= max(4096, *size)


@pytest.mark.parametrize("size", [(500, 1), (1, 500), (1, 1)])
def test_a_picture_of_one_line_is_lit(size):
    image = Image.new("RGB", size, (100, 100, 100))
    draw_heat(image, [(np.eye(7, dtype=np.float32), (255, 0, 0), 1.0)])
    assert image.size == size


def archive(path, members: dict[str, bytes], **options) -> None:
    with zipfile.ZipFile(path, "w", **options) as out:
        for name, data in members.items():
            out.writestr(name, data)


def npy(text: str) -> bytes:
    head = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head


SQUARE = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }"


@pytest.mark.parametrize(
    "data",
    [
        npy(SQUARE.replace("(2, 2)", "(9" * 20 + ", 2)")) + bytes(16),
        npy("[" * 60_000),
        npy(SQUARE.replace("<f4", "O")) + bytes(16),
        npy(SQUARE)[:9],
        b"",
    ],
    ids=["larger than all memory", "deep", "objects", "cut", "empty"],
)
def test_maps_that_are_no_plain_arrays_are_named(tmp_path, data):
    archive(tmp_path / "maps.npz", {"a.mp4@1.000.npy": data})
    with pytest.raises(DsolError) as error:
        list(read_maps(tmp_path / "maps.npz"))
    assert "frame a.mp4@1.000" in one_line(error)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_a_spoilt_archive_of_maps_is_told_in_one_line(tmp_path, at):
    square = npy(SQUARE) + bytes(16)
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = tmp_path / "maps.npz"
        archive(path, {f"{n}.npy": square for n in range(20)}, compression=compression)
        whole = path.read_bytes()
        for value in (0, 0x7F, 0xFF):
            spoilt = bytearray(whole)
            spoilt[round(at * len(whole)) :: 37] = bytes([value]) * len(spoilt[round(at * len(whole)) :: 37])
            path.write_bytes(spoilt)
            with pytest.raises(DsolError) as error:
                list(read_maps(path))
            one_line(error)


def test_an_archive_that_would_fill_all_memory_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "maps.npz", "w", zipfile.ZIP_DEFLATED) as out, out.open("a.npy", "w") as member:
        for _ in range(70):
            member.write(bytes(2**24))
    assert (tmp_path / "maps.npz").stat().st_size < 2**21
    with pytest.raises(DsolError, match="bytes long"):
        list(read_maps(tmp_path / "maps.npz"))


@pytest.mark.parametrize("text", [DEEP, "[]", '{"cluster 0": 1}'])
def test_names_that_are_none_are_refused(tmp_path, text):
    (tmp_path / "names.json").write_text(text, "utf-8")
    (tmp_path / "model.safetensors").write_bytes((SHIPPED / "small.safetensors").read_bytes())
    with pytest.raises(DsolError) as error:
        rename_model(tmp_path / "model.safetensors", read_names(tmp_path / "names.json"))
    one_line(error)


@pytest.mark.parametrize("text", [DEEP, '{"boxes": {"train/cello/a.jpg": [1e999, 0, 1, 1]}}', '{"boxes": {"a": 1}}'])
def test_boxes_of_photos_that_are_none_are_refused(tmp_path, text):
    for folder in ("photos/train/cello", "sounds/cello"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "photos" / "train" / "cello" / "a.jpg").write_bytes(b"")
    (tmp_path / "sounds" / "cello" / "a.wav").write_bytes(b"")
    (tmp_path / "boxes.json").write_text(text, "utf-8")
    with pytest.raises(DsolError) as error:
        read_corpus(tmp_path, "stills")
    one_line(error)


def test_an_option_beyond_all_numbers_is_refused():
    values = load_recipe("tiny").to_dict()
    values["stage_one"]["rate"] = HUGE
    with pytest.raises(DsolError) as error:
        Config.from_dict(values)
    one_line(error)


def test_a_duration_that_is_no_time_does_not_count(tmp_path):
    path = write_video(tmp_path / "a.mkv")
    data = path.read_bytes()
    assert data.count(b"00:00:02.") >= 2
    path.write_bytes(data.replace(b"00:00:02.", b"00:00:xx ").replace(b"00:00:0", b":::::::"))
    assert len(list(read_seconds(path))) == 2


def test_a_last_picture_that_says_it_stands_for_days_ends_soon(tmp_path):
    good = write_video(tmp_path / "good.mp4", codecs=("mpeg4", "aac"))
    with av.open(str(good)) as source, av.open(str(tmp_path / "a.mp4"), "w") as copy:
        tracks = {stream.index: copy.add_stream_from_template(stream) for stream in source.streams}
        for packet in [packet for packet in source.demux() if packet.size]:
            if packet.stream.type == "video" and packet.pts * packet.time_base > 1.94:
                packet.duration = round(3600 / packet.time_base)
            packet.stream = tracks[packet.stream_index]
            copy.mux(packet)
    assert 2 <= len(list(read_seconds(tmp_path / "a.mp4"))) <= 12
    assert probe(tmp_path / "a.mp4").duration_s < 24


def test_many_gaps_are_told_in_one_line(tmp_path, capsys):
    good = write_video(tmp_path / "good.mkv", codecs=("mpeg4", "pcm_s16le"))
    path = restamped(good, tmp_path / "a.mkv", lambda kind, n, s: s + 5000 * int(s / 0.2))
    assert len(list(read_seconds(path, whole_only=False))) < 15
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].endswith("is cut to 1 s, and so are 8 more")


def test_a_list_of_one_id_a_thousand_times_is_read_at_once(tmp_path):
    write_video(tmp_path / f"{ONE}.mp4")
    ids = [ONE] * 5000
    (tmp_path / "MUSIC_solo_videos.json").write_text(json.dumps({"videos": {"cello": ids}}), "utf-8")
    assert len(read_corpus(tmp_path, "music").videos) == 1


def test_a_box_of_two_corners_is_refused(tmp_path):
    text = "<annotation><a><bbox><xmin>1</xmin><ymin>2</ymin></bbox></a></annotation>"
    (tmp_path / "a.xml").write_text(text, "utf-8")
    with pytest.raises(DsolError, match="has not four corners"):
        read_boxes(tmp_path / "a.xml")


@pytest.mark.parametrize("name", ["video", "times_s", "frame_offset", "checksum"])
def test_an_index_with_a_hole_is_refused(tmp_path, name):
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "a.mp4")
    prepare(tmp_path / "videos", tmp_path / "store", workers=1)
    rows = pq.read_table(tmp_path / "store" / "index.parquet").to_pylist()
    rows[1][name] = None
    pq.write_table(pa.Table.from_pylist(rows, schema=schema()), tmp_path / "store" / "index.parquet")
    with pytest.raises(DsolError, match=f"1 rows lack {name}"):
        inspect(tmp_path / "store")


def test_metadata_nested_too_deep_is_shown_as_text_and_loads_as_no_model(tmp_path):
    file = tmp_path / "model.safetensors"
    save_file({"a": np.zeros(1)}, file, {"dsol": DEEP})
    assert inspect(file)["metadata"]["dsol"] == DEEP
    with pytest.raises(DsolError, match="has broken metadata") as error:
        load_card(file)
    one_line(error)


@pytest.mark.parametrize("second", [False, True])
def test_an_index_with_a_column_of_another_kind_is_refused(tmp_path, second):
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "a.mp4")
    index = prepare(tmp_path / "videos", tmp_path / "store", workers=1).path / "index.parquet"
    table = pq.read_table(index)
    name = "second" if second else "video"  # a number that is a structure, or text that is no UTF-8
    other = pa.array([{"a": 1}] * len(table)) if second else pa.array([b"\xe1."] * len(table)).view(pa.string())
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, other), index)
    with pytest.raises(DsolError, match=r"index\.parquet: cannot be read") as error:
        inspect(tmp_path / "store")
    one_line(error)


@pytest.mark.parametrize("text", ["{", "[1]", "\xff"])
def test_a_damaged_record_of_a_run_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "resume").mkdir()
    for name in ("data", "labels"):
        (tmp_path / f"resume/{name}.json").write_text(text, encoding="latin-1")
        with pytest.raises(DsolError, match=f"{name}.json: is"):
            getattr(Run(tmp_path), name)()


def test_a_run_without_pseudo_labels_is_refused_in_one_line(tmp_path):
    with pytest.raises(DsolError, match="train stage one there first"):
        Run(tmp_path).labels()
