"""Pictures of which it is known how far each object goes: what the extent network of `general` learns from.

Photos of $DSOL_DATA/stills that have a mask (made by a program, on plain backgrounds) and cut-outs are scaled, turned,
recoloured and put on scene photos and frames of videos, one to three in a picture, some behind others or cut off by the
edge; one picture in five is a photo as it is, enlarged. None of `wild` is in them, and no box that a person drew.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from dsol.model.vocabulary import vocabulary

SIDE = 320  # pixels
SMALLEST = 0.004  # share of the picture that must be left of an object
CATEGORY = {  # word in a file's name -> category, the first that fits
    "frog": "Frog", "hen": "Chicken", "rooster": "Chicken", "drake": "Duck", "duck": "Duck", "gander": "Goose",
    "owl": "Owl", "penguin": "Penguin", "turkey": "Turkey", "crow": "Crow", "bee": "Bee", "hornet": "Bee",
    "grasshopper": "Insect", "iguana": "Lizard", "chimp": "Monkey", "gorilla": "Monkey", "aquatic": "Whale",
    "bear": "Bear", "dog": "Dog", "fox": "Wolf", "lion": "Lion", "tiger": "Lion", "elephant": "Elephant",
    "cow": "Cattle",
    "bull": "Cattle", "bison": "Cattle", "horse": "Horse", "donkey": "Horse", "zebra": "Horse", "sheep": "Sheep",
    "ram": "Sheep", "goat": "Goat", "mountaingoat": "Goat", "pig": "Pig", "rodents": "Rodent", "birds": "Bird",
    "firetruck": "Truck", "accordion": "Accordion", "acoustic_guitar": "Acoustic guitar", "electric_guitar":
    "Electric guitar", "guitar": "Acoustic guitar", "banjo": "Banjo", "cello": "Cello", "clarinet": "Clarinet",
    "bassoon": "Bassoon", "drum_kit": "Drum kit", "drumkit": "Drum kit", "drum": "Drum", "flute": "Flute",
    "harmonica": "Harmonica", "harp": "Harp", "horn": "French horn", "piano": "Piano", "saxophone": "Saxophone",
    "trombone": "Trombone", "trumpet": "Trumpet", "tuba": "Tuba", "violin": "Violin", "xylophone": "Xylophone",
}  # fmt: skip


@dataclass(frozen=True)
class Object:
    """A photo with its outline.

    Attributes:
        category: name.
        photo: file.
        mask: file; None where the photo's own alpha is its outline.
    """

    category: str
    photo: Path
    mask: Path | None


def objects(data: Path) -> list[Object]:
    """All objects with an outline, none of the split test."""
    stills, found = data / "stills", []
    for split in ("train", "valid"):
        for mask in sorted((stills / "masks" / split).glob("*/*.png")):
            photo = stills / "photos" / mask.relative_to(stills / "masks").with_suffix(".jpg")
            found.append(Object(CATEGORY[mask.parent.name], photo, mask))
    for photo in sorted((data / "cutouts").glob("*/*.png")):
        category = _named(photo.stem)
        if category and vocabulary().entries[category].visible:
            found.append(Object(category, photo, None))
    return found


def _named(stem: str) -> str | None:
    parts = stem.split("__")[::-1]
    words = [*parts, *(word for part in parts for word in part.split("_"))]
    return next((CATEGORY[word] for word in words if word in CATEGORY), None)


class Composer:
    """Draws scenes.

    Args:
        found: the objects; those of frequent categories come less often.
        backgrounds: pictures (h, w, 3) uint8.
        rng: source of what is drawn.
    """

    def __init__(self, found: Sequence[Object], backgrounds: Sequence[np.ndarray], rng: np.random.Generator):
        many = {o.category: sum(other.category == o.category for other in found) for o in found}
        often = np.array([1 / np.sqrt(many[o.category]) for o in found])
        self.found, self.chance = found, often / often.sum()
        self.backgrounds, self.rng = backgrounds, rng

    def __call__(self) -> tuple[np.ndarray, list[tuple[str, np.ndarray]]]:
        """A picture (320, 320, 3) uint8, and of each object its category and what is seen of it, (320, 320) bool."""
        picture, seen = self._background(), []
        plain = self.rng.random() < 0.2
        for _ in range(1 if plain else self.rng.choice([1, 2, 3], p=[0.45, 0.35, 0.2])):
            chosen = self.found[self.rng.choice(len(self.found), p=self.chance)]
            if all(category != chosen.category for category, _ in seen):
                mask = self._put(picture, chosen, plain and chosen.mask is not None)
                seen = [(category, other & ~mask) for category, other in seen] + [(chosen.category, mask)]
        return self._filmed(picture), [(category, mask) for category, mask in seen if mask.mean() > SMALLEST]

    def _background(self) -> np.ndarray:
        rng = self.rng
        whole = self.backgrounds[rng.integers(len(self.backgrounds))]
        height, width = (int(side * rng.uniform(0.6, 1)) for side in whole.shape[:2])
        top, left = rng.integers(whole.shape[0] - height + 1), rng.integers(whole.shape[1] - width + 1)
        return self._recoloured(_sized(whole[top : top + height, left : left + width], SIDE, SIDE))

    def _put(self, picture: np.ndarray, chosen: Object, plain: bool) -> np.ndarray:
        """Paint an object into the picture; `plain`: its whole photo. What is seen of it, (320, 320) bool."""
        photo, alpha = _photo(chosen)
        if not plain:
            photo, alpha = self._turned(photo, alpha)
        width, height = self._size(photo.shape[1] / photo.shape[0], plain)
        photo, alpha = _sized(photo, width, height).astype(np.float32), _sized(alpha, width, height) / 255.0
        if self.rng.random() < 0.5:
            photo, alpha = photo[:, ::-1], alpha[:, ::-1]
        left, top = (self._place(side, plain) for side in (width, height))
        rows, columns = (slice(max(a, 0), min(a + n, SIDE)) for a, n in ((top, height), (left, width)))
        part = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
        photo, alpha = photo[part], alpha[part]
        opaque = 1.0 if plain else alpha[..., None]
        own = photo if plain else self._recoloured(photo)
        picture[rows, columns] = (1 - opaque) * picture[rows, columns] + opaque * own
        mask = np.zeros((SIDE, SIDE), bool)
        mask[rows, columns] = alpha > 0.5
        return mask

    def _size(self, aspect: float, plain: bool) -> tuple[int, int]:
        rng = self.rng
        if plain:
            side = round(SIDE * rng.uniform(1, 1.6))
            return side, side
        side, aspect = SIDE * np.exp(rng.uniform(np.log(0.2), np.log(1.15))), aspect * np.exp(rng.normal(0, 0.25))
        width, height = (int(np.clip(n, 8, 2 * SIDE)) for n in (side * np.sqrt(aspect), side / np.sqrt(aspect)))
        return width, height

    def _place(self, length: int, plain: bool) -> int:
        """Where an object of that length begins: a third of it may be outside; a whole photo fills the picture."""
        low, high = (min(0, SIDE - length), 0) if plain else (int(-0.3 * length), int(SIDE - 0.7 * length))
        return int(self.rng.integers(low, max(low, high) + 1))

    def _turned(self, photo: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows, columns = np.flatnonzero((alpha > 128).any(1)), np.flatnonzero((alpha > 128).any(0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        angle = self.rng.uniform(-25, 25) if self.rng.random() < 0.5 else 0.0
        turned = (Image.fromarray(a[box]).rotate(angle, Image.Resampling.BILINEAR, True) for a in (photo, alpha))
        photo, alpha = (np.asarray(a) for a in turned)
        return photo, alpha

    def _recoloured(self, picture: np.ndarray) -> np.ndarray:
        rng = self.rng
        bright = picture.astype(np.float32) * rng.uniform(0.6, 1.25)
        grey = bright.mean(2, keepdims=True)
        return np.clip((grey + (bright - grey) * rng.uniform(0.5, 1.3) - 128) * rng.uniform(0.7, 1.15) + 128, 0, 255)

    def _filmed(self, picture: np.ndarray) -> np.ndarray:
        """Blurred, noisy and compressed as videos are, so that no edge of a cut-out tells it."""
        rng, image = self.rng, Image.fromarray(picture.astype(np.uint8))
        if rng.random() < 0.6:
            image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.6)))
        noisy = np.asarray(image) + rng.normal(0, rng.uniform(0, 6), (SIDE, SIDE, 1))
        file = io.BytesIO()
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=int(rng.integers(35, 95)))
        return np.asarray(Image.open(file))


def _photo(chosen: Object) -> tuple[np.ndarray, np.ndarray]:
    """Colours (h, w, 3) and outline (h, w), uint8."""
    with Image.open(chosen.photo) as image:
        if chosen.mask is None:
            both = np.asarray(image.convert("RGBA"))
            return both[..., :3], both[..., 3]
        photo = image.convert("RGB")
    with Image.open(chosen.mask) as image:
        outline = image.convert("L").resize(photo.size).filter(ImageFilter.GaussianBlur(0.7))
    return np.asarray(photo), np.asarray(outline)


def _sized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def box_cells(mask: np.ndarray, cells: int) -> np.ndarray:
    """(cells, cells) share of each cell that is in the box round a mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = np.zeros(mask.shape, np.float32)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 1
    side = len(mask) // cells
    return box.reshape(cells, side, cells, side).mean((1, 3))
