"""One picture of several annotated films: the picture of README.md and of the gallery, as JPEG.

    python docs/picture.py OUT.jpg FILM [FILM …] [--at 0.8] [--columns 3] [--width 480]

Films are what `dsol localize` wrote (`localized/NAME/localized.mp4`). Each gives the frame at a share of its length.
README.md and docs/gallery/README.md have the commands that made theirs.
"""

import argparse
from pathlib import Path

import av
from PIL import Image

BACKGROUND = (16, 20, 26)  # of the strip below a film


def main() -> None:
    """Read the films, paste their frames side by side, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="picture to write, .jpg")
    parser.add_argument("films", type=Path, nargs="+", metavar="film", help="localized.mp4 of each video")
    parser.add_argument("--at", type=float, default=0.8, help="share of each film's length")
    parser.add_argument("--columns", type=int, default=3, help="films in a row")
    parser.add_argument("--width", type=int, default=480, help="of one film, pixels")
    args = parser.parse_args()
    frames = [frame_at(film, args.at, args.width) for film in args.films]
    sheet(frames, args.columns).save(args.out, quality=82, optimize=True)


def frame_at(film: Path, share: float, width: int) -> Image.Image:
    """A frame of a film, scaled to a width in pixels."""
    with av.open(str(film)) as container:
        pictures = [frame.to_image() for frame in container.decode(video=0)]
    picture = pictures[min(int(share * len(pictures)), len(pictures) - 1)]
    return picture.resize((width, round(width * picture.height / picture.width)), Image.Resampling.LANCZOS)


def sheet(pictures: list[Image.Image], columns: int) -> Image.Image:
    """Pictures of one width, row by row."""
    width, height = pictures[0].width, max(picture.height for picture in pictures)
    rows = -(-len(pictures) // columns)
    whole = Image.new("RGB", (width * min(columns, len(pictures)), height * rows), BACKGROUND)
    for i, picture in enumerate(pictures):
        row, column = divmod(i, columns)
        whole.paste(picture, (column * width, row * height))
    return whole


if __name__ == "__main__":
    main()
