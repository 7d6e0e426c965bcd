"""Tests of calls to a server that accepts each signature only once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from conftest import Server

from channelstream_client import AsyncClient, BadSignature, Client, Draft


@pytest.fixture(scope="module")
def strict_server() -> Iterator[Server]:
    scope = ["--signature-scope", "path"]
    server = Server("--reject-replays", "true", *scope, "--signature-tolerance", "5")
    yield server
    server.stop()


def test_nonces_make_each_signature_unique(strict_server: Server) -> None:
    with Client(strict_server.url, "secret", nonces=True) as client:
        for _ in range(3):
            connected = client.connect("alice", channels=["news"])
            client.publish(Draft(user="system", channel="news", message={}))
            assert client.disconnect(connected.conn_id)


def test_without_nonces_calls_are_refused(strict_server: Server) -> None:
    with Client(strict_server.url, "secret") as client, pytest.raises(BadSignature):
        client.info()


def test_the_async_client_sends_nonces_too(strict_server: Server) -> None:
    async def make_calls() -> None:
        async with AsyncClient(strict_server.url, "secret", nonces=True) as client:
            await asyncio.gather(*(client.info() for _ in range(20)))

    asyncio.run(make_calls())
