"""Say when something begins and ends to sound, while a stream goes on.

    python examples/live_stream.py small rtsp://camera/stream
    python examples/live_stream.py small party.mp4                    # as if it were live
    ffmpeg -i … -f mpegts - | python examples/live_stream.py small -

`dsol localize rtsp://camera/stream` prints all of it as JSON lines; this acts on them. Where the sound comes from
elsewhere, as that of /dev/video0: `Live(sound="alsa:hw:0")`.
"""

import sys

import dsol
from dsol.localize import Live
from dsol.localize.live import answers

PATIENCE = 2  # answers without it before something counts as over


def main(model: str, source: str, how: Live | None = None) -> int:
    """Returns how many answers there were."""
    localizer, count = dsol.Localizer.load(model), 0
    missed: dict[str, int] = {}  # category that sounds -> answers since it was last heard
    for answer in answers(source, localizer, how):
        count += 1
        sounding = {each["category"] for each in answer["objects"] if each["state"] != "silent"}
        for category in sorted(sounding - missed.keys()):
            print(f"{answer['end_s']:7.1f} s  {category} begins", flush=True)
        missed = {name: 0 if name in sounding else missed[name] + 1 for name in missed.keys() | sounding}
        for category in sorted(name for name, times in missed.items() if times >= PATIENCE):
            print(f"{answer['end_s']:7.1f} s  {category} is over", flush=True)
            del missed[category]
    return count


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
