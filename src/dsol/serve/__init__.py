"""`dsol serve`: a local web page that takes videos and shows what sounds when and where.

    browser ─POST─▶ app ─receive─▶ temporary folder ─Jobs─▶ `localize_video` in one thread ─▶ four files
       └──────────────────────────── GET: state, files ◀──────────────────────────────────────────┘

server.py starts and stops it, guard.py checks requests before the routes of app.py, uploads.py receives videos,
jobs.py localises them, page/ is what the browser shows. FastAPI and uvicorn are the extra `serve`; nothing else of
dsol needs them.
"""

from dsol.serve.server import serve

__all__ = ["serve"]
