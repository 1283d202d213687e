"""A toyband video: a scene chosen from a seed, drawn frame by frame, encoded with its sound.

Plan ──direct──▶ Scene (backdrop, sprites) ──shoot──▶ pictures ──┐
           └───▶ sound ──────────────────────────────────────────encode──▶ mp4
                     Scene ──annotate──▶ boxes
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dsol.data.boxes import Box, Frame
from dsol.demo.toyband import sounds
from dsol.demo.toyband.backdrops import draw_backdrop
from dsol.demo.toyband.melody import Note
from dsol.demo.toyband.pictures import COARSE, COARSE_MIDDLE, PHASES, Sketch, Sprites, choose_actor, extent, sketch
from dsol.demo.toyband.planes import Planes, Sprite

WIDTH, HEIGHT, FRAME_RATE, SAMPLE_RATE = 320, 240, 8, 16_000  # pixels, pixels, a second, Hz
MARGIN = 16  # pixels drawn around the picture, for movement
BOXES_A_SECOND = 4
ROOM = 0.24  # units around an actor for bow, bellows and mallets
H264 = {"preset": "superfast", "crf": "23", "threads": "1"}  # one thread: the same bytes every time
AAC = {"aac_coder": "fast", "threads": "1"}
LEAST_VISIBLE = 0.68  # of every instrument while planning; swaying may hide a little more
TRIES = 60


@dataclass(frozen=True)
class Plan:
    """What one video shows, fixed before anything is drawn.

    Attributes:
        name: path below the folder of its data set, e.g. "train/cello/0003.mp4".
        seen: categories to be seen, the sounding ones first.
        sounding: how many of them sound.
        seconds: length.
        seed: of this video alone.
    """

    name: str
    seen: tuple[str, ...]
    sounding: int
    seconds: int
    seed: tuple[int, ...]


def make_video(plan: Plan, path: Path) -> list[Frame]:
    """Write one video and return its annotation, four frames a second.

    Depends on `plan` alone.

    Example:
        >>> frames = make_video(Plan("a.mp4", ("cello",), 1, 2, (0,)), Path("a.mp4"))  # doctest: +SKIP
        >>> len(frames)  # doctest: +SKIP
        8
    """
    scene, sound = direct(plan)
    encode(path, (shoot(scene, i) for i in range(plan.seconds * FRAME_RATE)), sound)
    return annotate(scene, plan)


def direct(plan: Plan) -> tuple["Scene", np.ndarray]:
    """The scene of a plan and its sound, (seconds · SAMPLE_RATE,) float32; the same each time."""
    rng = np.random.default_rng(plan.seed)
    melodies = [sounds.melody(category, plan.seconds, rng) for category in plan.seen[: plan.sounding]]
    sound = mix(plan, melodies, rng)
    return cast(plan, melodies, rng), sound


def mix(plan: Plan, melodies: list[list[Note]], rng: np.random.Generator) -> np.ndarray:
    """The sounding instruments in one room, (seconds · SAMPLE_RATE,) float32; none louder by more than 6 dB."""
    total = np.zeros(plan.seconds * SAMPLE_RATE, np.float32)
    for category, melody in zip(plan.seen, melodies, strict=False):
        gain = 10 ** (rng.uniform(-3, 3) / 20)
        total += gain * sounds.perform(category, melody, plan.seconds, rng, SAMPLE_RATE)
    return sounds.level(sounds.in_room(total, rng, SAMPLE_RATE), rng)


@dataclass(frozen=True)
class Spot:
    """Where an actor stands: pixels a unit, and where its (0, 0) is in the picture, in pixels."""

    scale: float
    x: float
    y: float


@dataclass(frozen=True)
class Role:
    """One actor of a scene and how it moves.

    Attributes:
        sprites: its drawings.
        phases: (F,) which phase it is in, at each frame.
        sway: (F, 3) degrees and pixels right and down, at each frame.
        sounding: whether it is heard.
    """

    sprites: Sprites
    phases: np.ndarray
    sway: np.ndarray
    sounding: bool


@dataclass(frozen=True)
class Scene:
    """A backdrop, larger than the picture by MARGIN on each side, and roles from back to front."""

    backdrop: Planes
    roles: tuple[Role, ...]
    pan: np.ndarray  # (F, 2) pixels right and down that the camera moves


def cast(plan: Plan, melodies: list[list[Note]], rng: np.random.Generator) -> Scene:
    """Choose actors, places and movements, and draw what does not move."""
    actors = [choose_actor(category, rng, player=rng.random() < 0.9) for category in plan.seen]
    sketches = [sketch(actor) for actor in actors]
    spots = [place_alone(extent(sketches[0].instrument), rng)] if len(actors) == 1 else place_together(sketches, rng)
    floor = float(np.clip(min(s.y + s.scale for s in spots) / HEIGHT - rng.uniform(0.04, 0.12), 0.45, 0.92))
    size = (WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN)
    backdrop = draw_backdrop(*size, floor, rng)
    for spot in spots:
        _shadow(backdrop, spot)
    t = np.arange(plan.seconds * FRAME_RATE) / FRAME_RATE
    roles = []
    for i in sorted(range(len(actors)), key=lambda i: spots[i].y + spots[i].scale):
        place = (spots[i].x + MARGIN, spots[i].y + MARGIN)
        sprites = Sprites(actors[i], spots[i].scale, place, extent(sketches[i].whole, ROOM), size)
        phases = strokes(melodies[i], t) if i < plan.sounding else np.full(len(t), rng.integers(PHASES))
        roles.append(Role(sprites, phases, swaying(t, rng), i < plan.sounding))
    return Scene(Planes.of(backdrop), tuple(roles), _panning(t, rng))


def place_alone(instrument: tuple[float, float, float, float], rng: np.random.Generator) -> Spot:
    """A close view: the instrument, of that extent, fills a third to most of the picture, anywhere in it."""
    left, top, right, bottom = instrument
    fill = rng.uniform(0.42, 0.88)
    scale = float(np.clip(fill * min(WIDTH / (right - left), HEIGHT / (bottom - top)), 90, 330))
    room_x, room_y = WIDTH - scale * (right - left), HEIGHT - scale * (bottom - top)
    x = rng.uniform(0.08, 0.92) * room_x - scale * left
    return Spot(scale, x, rng.uniform(0.15, 0.85) * room_y - scale * top)


def place_together(sketches: list[Sketch], rng: np.random.Generator) -> list[Spot]:
    """A band: side by side in random order, some further back, every instrument mostly in sight."""
    best, best_visible = [], -1.0
    for _ in range(TRIES):
        spots = _try_places(len(sketches), rng)
        visible = min(_visible(sketches, spots))
        if visible > best_visible:
            best, best_visible = spots, visible
        if visible >= LEAST_VISIBLE:
            break
    return best


def _try_places(n: int, rng: np.random.Generator) -> list[Spot]:
    spots = []
    for column in rng.permutation(n):
        near = rng.uniform(0, 1)
        scale = (86 + 26 * near) * rng.uniform(0.92, 1.12)
        x = WIDTH * (column + 0.5 + rng.uniform(-0.28, 0.28)) / n
        feet = HEIGHT * (0.78 + 0.22 * near + rng.uniform(-0.03, 0.03))
        spots.append(Spot(scale, x, feet - scale))
    return spots


def _visible(sketches: list[Sketch], spots: list[Spot]) -> list[float]:
    """What share of each instrument is seen, judged on a picture a quarter as large."""
    labels = Image.new("L", (WIDTH // 4, HEIGHT // 4))
    wholes = []
    order = sorted(range(len(spots)), key=lambda i: spots[i].y + spots[i].scale)
    for i in order:
        zoom = spots[i].scale / 4 / COARSE
        corner = round(spots[i].x / 4 - COARSE_MIDDLE[0] * zoom), round(spots[i].y / 4 - COARSE_MIDDLE[1] * zoom)
        side = round(sketches[i].whole.width * zoom)
        whole, instrument = (m.resize((side, side), 0) for m in (sketches[i].whole, sketches[i].instrument))
        labels.paste(0, corner, whole)
        labels.paste(i + 1, corner, instrument)
        wholes.append(sum(instrument.histogram()[128:]))
    seen = labels.histogram()
    return [seen[i + 1] / max(1, whole) for i, whole in zip(order, wholes, strict=True)]


def _shadow(backdrop: Image.Image, spot: Spot) -> None:
    feet, half = spot.y + spot.scale + MARGIN, 0.34 * spot.scale
    if feet > backdrop.height:
        return
    mask = Image.new("L", (int(2.6 * half), int(0.8 * half)))
    area = (0.3 * half, 0.2 * half, 2.3 * half, 0.6 * half)
    ImageDraw.Draw(mask).ellipse(area, fill=105)
    mask = mask.filter(ImageFilter.BoxBlur(max(1, half / 10)))
    backdrop.paste((10, 8, 14), (int(spot.x + MARGIN - 1.3 * half), int(feet - 0.42 * half)), mask)


def strokes(melody: list[Note], t: np.ndarray) -> np.ndarray:
    """Which phase bow, bellows, fingers or mallets are in at times `t`, (F,): to and fro with the notes."""
    turns = [0.0]
    for note in melody:
        end = note.start_s + note.length_s
        if end - turns[-1] >= 0.22:  # faster than the picture can show
            turns.append(end)
    there = np.arange(len(turns)) % 2 * 2.0 - 1.0
    return np.rint((np.interp(t, turns, there) + 1) / 2 * (PHASES - 1)).astype(int)


def swaying(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Degrees, pixels right and pixels down at times `t`, (F, 3) int; everybody sways, heard or not."""
    speed, start = rng.uniform(0.2, 0.6, 3), rng.uniform(0, 2 * np.pi, 3)
    size = rng.uniform((0.5, 0.5, 0.3), (1.4, 3.5, 1.6))
    return np.rint(size * np.sin(2 * np.pi * speed * t[:, None] + start)).astype(int)


def _panning(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    size = rng.uniform(0, 7, 2) * (rng.random() < 0.5)
    return np.rint(size * np.sin(rng.uniform(0.2, 0.7) * t[:, None] + rng.uniform(0, 6.28, 2))).astype(int)


def shoot(scene: Scene, frame: int) -> Planes:
    """The picture of one frame."""
    picture = scene.backdrop.crop(*_corner(scene, frame), WIDTH, HEIGHT)
    for sprite, (x, y) in _placed(scene, frame):
        sprite.paste(picture, x, y)
    return picture


def label(scene: Scene, frame: int) -> np.ndarray:
    """Whose instrument is in sight where, (HEIGHT, WIDTH) uint8: i + 1 for that of role i, else 0."""
    labels = Image.new("L", (WIDTH, HEIGHT))
    for i, (sprite, place) in enumerate(_placed(scene, frame)):
        labels.paste(0, place, sprite.whole)
        labels.paste(i + 1, place, sprite.instrument)
    return np.asarray(labels)


def _corner(scene: Scene, frame: int) -> tuple[int, int]:
    right, down = scene.pan[frame]
    return MARGIN - int(right), MARGIN - int(down)


def _placed(scene: Scene, frame: int) -> Iterator[tuple[Sprite, tuple[int, int]]]:
    left, top = _corner(scene, frame)
    for role in scene.roles:
        degrees, right, down = map(int, role.sway[frame])
        x, y = role.sprites.corner
        yield role.sprites.at(int(role.phases[frame]), degrees), (x - left + right, y - top + down)


def boxes_of(scene: Scene, labels: np.ndarray) -> tuple[Box, ...]:
    """The exact extents of what is in sight of every instrument."""
    found = []
    for i, role in enumerate(scene.roles):
        rows, columns = (np.flatnonzero((labels == i + 1).any(axis)) for axis in (1, 0))
        if len(rows):
            x, y = int(columns[0]), int(rows[0])
            w, h = int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y
            xywh = (x / WIDTH, y / HEIGHT, w / WIDTH, h / HEIGHT)
            found.append(Box(role.sprites.actor.category, xywh, role.sounding))
    return tuple(found)


def annotate(scene: Scene, plan: Plan) -> list[Frame]:
    """The boxes at every quarter of a second."""
    step = FRAME_RATE // BOXES_A_SECOND
    frames = range(0, plan.seconds * FRAME_RATE, step)
    return [Frame(plan.name, i / FRAME_RATE, boxes_of(scene, label(scene, i))) for i in frames]


def encode(path: Path, pictures: Iterator[Planes], sound: np.ndarray) -> None:
    """Write an mp4 of H.264 and AAC; the same input gives the same bytes."""
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        video = container.add_stream("libx264", FRAME_RATE, options=H264)
        video.width, video.height, video.pix_fmt, video.gop_size = WIDTH, HEIGHT, "yuv420p", 2 * FRAME_RATE
        audio = container.add_stream("aac", SAMPLE_RATE, layout="mono", options=AAC)
        audio.bit_rate = 64_000
        block = SAMPLE_RATE // FRAME_RATE
        for i, picture in enumerate(pictures):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture.array(), "yuv420p")))
            piece = av.AudioFrame.from_ndarray(sound[None, i * block : (i + 1) * block], "fltp", "mono")
            piece.sample_rate, piece.pts = SAMPLE_RATE, i * block
            container.mux(audio.encode(piece))
        container.mux(video.encode())
        container.mux(audio.encode())
