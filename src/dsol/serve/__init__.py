"""`dsol serve`: a local web page that takes videos and shows what sounds when and where.

    browser ─POST─▶ app ─receive─▶ folder ─check─▶ Jobs ─Worker─▶ work: `localize_video` in a process of its own
       ├─ GET: state, files ◀──────────────────────┴── job.json, found/ ◀─┤
       └─ events: a line a second ◀── parts.jsonl ◀── shown ◀─────────────┘

server.py starts and stops it, guard.py checks requests before the routes of app.py, uploads.py receives videos,
limits.py says how many, jobs.py queues them, worker.py runs the process of work.py, confined.py takes the network from
it, shown.py writes what the page draws, results.py the files of other tools, page/ is what the browser shows. FastAPI
and uvicorn are the extra `serve`; nothing else of dsol needs them.
"""

from dsol.serve.limits import Limits
from dsol.serve.server import serve

__all__ = ["Limits", "serve"]
