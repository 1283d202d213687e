"""What sounds now, as JSON lines, while a stream goes on.

    python examples/live_stream.py small rtsp://camera/stream
    python examples/live_stream.py small /dev/video0                 # a camera, where FFmpeg finds its sound, too
    ffmpeg -i … -f mpegts - | python examples/live_stream.py small -

Once a second the last picture and the last second of sound are looked at. What takes longer than a second falls behind:
take `small`, or ask less often.
"""

import json
import sys
from collections.abc import Iterator

import av
import numpy as np

import dsol
from dsol.localize.localization import box_of

RATE = 16_000  # Hz


def moments(source: str) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """(seconds, (h, w, 3) picture, (16000,) sound up to then) of each second of a stream."""
    mono, sound, picture, due = av.AudioResampler("flt", "mono", RATE), np.zeros(0, np.float32), None, 1.0
    with av.open(sys.stdin.buffer if source == "-" else source) as stream:
        tracks = stream.streams.best("video"), stream.streams.best("audio")
        for frame in stream.decode(*tracks):
            if isinstance(frame, av.VideoFrame):
                picture = frame
            else:
                parts = [part.to_ndarray()[0] for part in mono.resample(frame)]
                sound = np.concatenate([sound, *parts])[-RATE:]
            if frame.time is not None and frame.time >= due and picture is not None and len(sound) == RATE:
                yield frame.time, picture.to_ndarray(format="rgb24"), sound
                due = float(int(frame.time)) + 1.0


def answer(localizer: dsol.Localizer, time_s: float, picture: np.ndarray, sound: np.ndarray) -> dict:
    """What sounds at a moment, the surest first."""
    maps = localizer.system.predict([picture], sound[None], [f"live@{time_s:.3f}"])
    if maps.maps is None or maps.score is None or maps.categories is None:
        sys.exit("this model knows no categories")
    surest = [k for k in np.argsort(-maps.score[0]) if maps.score[0, k] >= localizer.threshold]
    sounding = [
        {
            "category": maps.categories[k],
            "score": round(float(maps.score[0, k]), 3),
            "xywh": [round(float(v), 3) for v in box_of(maps.maps[0, k])],
        }
        for k in surest[:5]
    ]
    return {"time_s": round(time_s, 2), "sounding": sounding}


def main(model: str, source: str) -> int:
    """Returns how many answers there were."""
    localizer, count = dsol.Localizer.load(model), 0
    for moment in moments(source):
        print(json.dumps(answer(localizer, *moment)), flush=True)
        count += 1
    return count


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
