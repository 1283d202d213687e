"""One ONNX file and numpy: what a machine without torch needs of a model, in the open.

    dsol export small small.onnx                                   # where torch is
    python examples/run_without_torch.py small.onnx party.mp4      # where onnxruntime and av are

Shows what goes in and what comes out, for a port to another language: a square picture and the second of sound round
it. `dsol localize party.mp4 --model small.onnx` does the whole job.
"""

import json
import sys
from pathlib import Path

import av
import numpy as np
import onnxruntime

RATE = 16_000  # Hz


def second_in_the_middle(video: Path, side: int) -> tuple[np.ndarray, np.ndarray]:
    """((3, side, side) picture in [0, 1], (16000,) sound) of the middle of a video."""
    with av.open(str(video)) as container:
        middle_s = container.duration / av.time_base / 2
        frames = (frame for frame in container.decode(video=0) if frame.time >= middle_s)
        picture = next(frames).reformat(side, side, "rgb24", interpolation="AREA").to_ndarray()
    with av.open(str(video)) as container:
        mono = av.AudioResampler("flt", "mono", RATE)
        parts = [part.to_ndarray() for frame in container.decode(audio=0) for part in mono.resample(frame)]
    sound = np.concatenate(parts, axis=1)[0]
    start = int(np.clip(round((middle_s - 0.5) * RATE), 0, max(0, len(sound) - RATE)))
    sound = np.pad(sound[start : start + RATE], (0, max(0, RATE - len(sound))))
    return picture.transpose(2, 0, 1).astype(np.float32) / 255, sound.astype(np.float32)


def main(model: Path, video: Path) -> dict[str, float]:
    """Score by category, in the middle of the video."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    side = next(i.shape[-1] for i in session.get_inputs() if i.name == "pictures")
    card = session.get_modelmeta().custom_metadata_map
    categories = json.loads(card["dsol"])["categories"] if "dsol" in card else None
    picture, sound = second_in_the_middle(video, side)
    area, maps, score = session.run(("area", "maps", "score"), {"pictures": picture[None], "waveforms": sound[None]})
    names = categories or [f"category {k}" for k in range(score.shape[1])]
    for k in np.argsort(-score[0])[:3]:
        y, x = np.unravel_index(int(maps[0, k].argmax()), maps.shape[2:])
        print(f"{names[k]}: {score[0, k]:.0%}, surest at column {x + 1} of {maps.shape[3]}, row {y + 1}")
    print(f"anything sounds: {area.max():.0%} at most")
    return dict(zip(names, map(float, score[0]), strict=True))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
