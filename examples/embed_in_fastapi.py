"""A route of your own web service: a video comes in, who sounds when and where goes out as JSON.

    pip install 'dsol[serve]'
    MODEL=general uvicorn --app-dir examples embed_in_fastapi:app
    curl -T party.mp4 'http://127.0.0.1:8000/sounds?name=party.mp4'

The model is loaded once, when the service starts. Videos are done one at a time in a thread, so that the service
answers meanwhile. For a page for people, with a queue and limits: `dsol serve`.
"""

import asyncio
import os
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request

import dsol

MOST = 200 << 20  # bytes of one video


@asynccontextmanager
async def model_at_hand(app: FastAPI):
    app.state.localizer = await asyncio.to_thread(dsol.Localizer.load, os.environ.get("MODEL", "general"))
    app.state.turn = asyncio.Lock()
    yield


app = FastAPI(lifespan=model_at_hand)


@app.get("/healthy")
async def healthy() -> dict:
    return {"dsol": dsol.__version__, "busy": app.state.turn.locked()}


@app.put("/sounds")
async def sounds(request: Request, name: str = "video.mp4") -> dict:
    """What `result.json` holds, for the video in the body."""
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / f"video{Path(name).suffix}"  # of the name only its ending is used
        await save(request, video)
        async with app.state.turn:
            try:
                found = await asyncio.to_thread(app.state.localizer, video)
            except dsol.DsolError as error:
                raise HTTPException(422, f"{Path(name).name} {error.what} ({error.remedy})") from None
            return {**await asyncio.to_thread(found.to_json), "video": Path(name).name}


async def save(request: Request, path: Path) -> None:
    size = 0
    with path.open("wb") as file:
        async for part in request.stream():
            size += len(part)
            if size > MOST:
                raise HTTPException(413, f"a video may have {MOST >> 20} MB")
            await asyncio.to_thread(file.write, part)
