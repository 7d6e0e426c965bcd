"""Connecting and publishing with FastAPI.

Run it with ``CHANNELSTREAM_SECRET=secret fastapi run fastapi_app.py``.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, Field

from channelstream_client import AsyncClient, Draft

push = AsyncClient(
    os.environ.get("CHANNELSTREAM_URL", "http://127.0.0.1:8000"),
    os.environ.get("CHANNELSTREAM_SECRET", "secret"),
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await push.close()


app = FastAPI(lifespan=lifespan)


def user(x_user: Annotated[str | None, Header()] = None) -> str:
    """Returns the name of the user. A real application checks a session or a token."""
    if not x_user:
        raise HTTPException(401)
    return x_user


class Said(BaseModel):
    text: str = Field(min_length=1, max_length=1000)


@app.post("/push/connect")
async def connect(user: Annotated[str, Depends(user)]) -> dict[str, Any]:
    return dict((await push.connect(user, channels=["lobby"], state_public_keys=["color"])).raw)


@app.post("/push/message", status_code=204)
async def message(said: Said, user: Annotated[str, Depends(user)]) -> None:
    await push.publish(Draft(user=user, channel="lobby", message={"text": said.text}))
