"""A folder of videos over all machines of a Ray cluster, each with one copy of the model.

    pip install 'dsol[ray]'
    python examples/batch_with_ray.py videos localized general       # RAY_ADDRESS says which cluster; else this machine

All machines must see both folders. A video that cannot be read costs no other; what is there already is passed over.
"""

import sys
from pathlib import Path

import dsol
from dsol.data.media import find_videos
from dsol.localize import Wanted, localize_video


class Worker:
    """One copy of the model."""

    def __init__(self, model: str):
        self.localizer = dsol.Localizer.load(model)

    def localize(self, video: Path, folder: Path) -> str:
        """A line about one video."""
        if (folder / "result.json").is_file():
            return f"{video.name}: done before"
        try:
            timeline = localize_video(video, self.localizer, folder, wanted=Wanted("csv", film=False))
        except dsol.DsolError as error:
            return f"skipped {error}"
        heard = dict.fromkeys(segment.category for segment in timeline.segments())
        return f"{video.name}: {', '.join(heard) or 'nothing'}"


def main(videos: Path, out: Path, model: str, workers: int = 0) -> list[str]:
    import ray
    from ray.util import ActorPool

    if not ray.is_initialized():
        ray.init()
    count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    worker = ray.remote(Worker)
    pool = ActorPool([worker.remote(model) for _ in range(count)])
    jobs = [(video, out / video.relative_to(videos).with_suffix("")) for video in find_videos(videos)]
    lines = []
    for line in pool.map_unordered(lambda each, job: each.localize.remote(*job), jobs):
        print(line)
        lines.append(line)
    return lines


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute(), sys.argv[3])
