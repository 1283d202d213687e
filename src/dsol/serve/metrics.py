"""What /metrics tells, in the text format of Prometheus: counts and sizes, nobody's names."""

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from dsol.serve.limits import MB

if TYPE_CHECKING:
    from dsol.serve.jobs import Jobs

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TAKES_S = (1, 2, 5, 10, 20, 60, 120, 300, 900, 3600)  # seconds


class Metrics:
    """The figures of one server.

    Args:
        jobs: whose.
    """

    def __init__(self, jobs: "Jobs"):
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._uploads = self._counter("uploads", "Uploads that ended, by the status of the response", "status")
        self._finished = self._counter("videos", "Videos that left the queue, by how they ended", "state")
        self._expired = self._counter("videos_expired", "Videos removed as they had been kept long enough")
        self._takes = Histogram("dsol_serve_work_seconds", "From the start of the work on a video to its end",
                                buckets=TAKES_S, registry=self._registry)  # fmt: skip
        now = Gauge("dsol_serve_videos_now", "Videos that are here", ["state"], registry=self._registry)
        for state in ("uploading", "waiting", "running", "done", "failed"):
            now.labels(state).set_function(lambda state=state: jobs.count(state))
        self._function("disk_bytes", "Bytes of all uploads and results", jobs.used)
        self._function("disk_limit_bytes", "Bytes that they may take", lambda: jobs.limits.disk_mb * MB)
        self._function("worker_deaths", "Processes that localised and died", lambda: jobs.worker.deaths)
        self._function("worker_pid", "Number of the process that localises, 0: none", lambda: jobs.worker.pid)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"dsol_serve_{name}", told, labels, registry=self._registry)

    def _function(self, name: str, told: str, value) -> None:
        Gauge(f"dsol_serve_{name}", told, registry=self._registry).set_function(value)

    def uploaded(self, status: int) -> None:
        """An upload ended with this status of HTTP."""
        self._uploads.labels(str(status)).inc()

    def finished(self, state: str, seconds: float) -> None:
        """Work on a video ended."""
        self._finished.labels(state).inc()
        self._takes.observe(seconds)

    def expired(self) -> None:
        """A video's time was over."""
        self._expired.inc()

    def text(self) -> bytes:
        """All of them."""
        return generate_latest(self._registry)
