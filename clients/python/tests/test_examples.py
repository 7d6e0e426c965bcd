"""Tests of the examples, with the test client of each framework, against a running server."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from conftest import Server
from test_client import poll

from channelstream_client import Client

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def example(
    server: Server, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[ModuleType]:
    monkeypatch.setenv("CHANNELSTREAM_URL", server.url)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    sys.modules.pop(request.param, None)
    example = importlib.import_module(request.param)
    yield example
    if isinstance(example.push, Client):
        example.push.close()


@pytest.mark.parametrize("example", ["flask_app"], indirect=True)
def test_flask(example: ModuleType, client: Client) -> None:
    browser = example.app.test_client()
    assert b"channelstream.js" in browser.get("/").data
    connected = browser.post("/push/connect").get_json()
    assert browser.post("/push/message", json={"text": "hello"}).status_code == 204
    events = [event for event in poll(client, connected["conn_id"]) if event["type"] == "message"]
    texts = [(event["user"], event["message"]) for event in events]
    assert texts == [(connected["username"], {"text": "hello"})]


@pytest.mark.parametrize("example", ["fastapi_app"], indirect=True)
async def test_fastapi(example: ModuleType, client: Client) -> None:
    app = httpx.ASGITransport(example.app)
    async with (
        example.app.router.lifespan_context(example.app),
        httpx.AsyncClient(
            transport=app, base_url="http://app", headers={"x-user": "alice"}
        ) as browser,
    ):
        connected = (await browser.post("/push/connect")).json()
        assert (await browser.post("/push/message", json={"text": "hello"})).status_code == 204
        assert (await browser.post("/push/message", json={"text": ""})).status_code == 422
        assert (await browser.post("/push/connect", headers={"x-user": ""})).status_code == 401
    events = [event for event in poll(client, connected["conn_id"]) if event["type"] == "message"]
    assert [(event["user"], event["message"]) for event in events] == [("alice", {"text": "hello"})]


@pytest.mark.parametrize("example", ["django_app"], indirect=True)
def test_django(example: ModuleType, client: Client) -> None:
    import django
    from django.test import Client as Browser

    django.setup()
    browser = Browser()
    connected = browser.post("/push/connect").json()
    answer = browser.post("/push/message", {"text": "hello"}, content_type="application/json")
    assert answer.status_code == 204
    events = [event for event in poll(client, connected["conn_id"]) if event["type"] == "message"]
    texts = [(event["user"], event["message"]) for event in events]
    assert texts == [(connected["username"], {"text": "hello"})]
