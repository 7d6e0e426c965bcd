"""Tests of every call, against a running server."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from typing import Any

import httpx
import pytest
from conftest import Server

from channelstream_client import (
    AsyncClient,
    BadSignature,
    ChannelConfig,
    Client,
    Draft,
    Invalid,
    Unavailable,
    Unreachable,
)


def name() -> str:
    """Returns a name for a channel or a user that no other test uses."""
    return f"test-{uuid.uuid4()}"


def poll(client: Client, conn_id: str) -> list[dict[str, Any]]:
    """Returns the events that a page would read."""
    answer = client._http.get(f"{client._url}/listen", params={"conn_id": conn_id})
    return answer.raise_for_status().json()


def test_a_message_reaches_its_recipients(client: Client) -> None:
    channel, alice = name(), name()
    connected = client.connect(alice, channels=[channel])
    assert (connected.username, list(connected.channels)) == (alice, [channel])
    assert connected.raw["conn_id"] == connected.conn_id
    sent = client.publish(
        Draft(user="bob", channel=channel, message={"text": "hällo"}),
        Draft(user="bob", pm_users=[alice], message={"n": 1}),
        Draft(user="bob", message={"goes": "nowhere"}),
    )
    assert [message.message for message in sent] == [{"text": "hällo"}, {"n": 1}]
    events = poll(client, connected.conn_id)
    assert [event["message"] for event in events] == [{"text": "hällo"}, {"n": 1}]
    assert [event["uuid"] for event in events] == [message.uuid for message in sent]


def test_messages_are_edited_and_deleted(client: Client) -> None:
    channel = name()
    client.configure({channel: ChannelConfig(store_history=True, history_size=5)})
    first, second = client.publish(
        Draft(user="bob", channel=channel, message={"n": 1}),
        Draft(user="bob", channel=channel, message={"n": 2}),
    )
    client.edit(first.uuid, channel=channel, message={"n": 10})
    client.delete(second.uuid, channel=channel)
    kept = client.info([channel]).channels[channel]
    assert kept.settings == ChannelConfig(store_history=True, history_size=5)
    history = [(message.uuid, message.message) for message in kept.history]
    assert history == [(first.uuid, {"n": 10})]
    assert kept.history[0].edited is not None


def test_channels_are_joined_and_left(client: Client) -> None:
    one, other = sorted([name(), name()])
    conn_id = client.connect(name()).conn_id
    configs = {one: ChannelConfig(notify_presence=True)}
    joined = client.subscribe(conn_id, [one, other], channel_configs=configs)
    assert (joined.channels, joined.changed) == ([one, other], [one, other])
    assert joined.channels_info.channels[one].settings.notify_presence
    left = client.unsubscribe(conn_id, [other])
    assert (left.channels, left.changed) == ([one], [other])
    assert client.disconnect(conn_id) is True
    assert client.disconnect(conn_id) is False


def test_states_are_set_and_returned(client: Client) -> None:
    user, channel = name(), name()
    client.connect(
        user,
        channels=[channel],
        fresh_user_state={"color": "red", "age": 3},
        user_state={"here": True},
        state_public_keys=["color"],
    )
    changed = client.set_user_state(user, {"color": "blue", "age": 3})
    assert changed.changed_state == {"color": "blue"}
    assert changed.user_state == {"color": "blue", "age": 3, "here": True}
    assert changed.public_keys == ["color"]
    users = client.info([channel], return_public_state=True).users
    assert [(user.user, user.state) for user in users] == [(user, {"color": "blue"})]


def test_errors_name_the_fields(client: Client, server: Server) -> None:
    with pytest.raises(Invalid) as invalid:
        client.connect("", channels=["x" * 300])
    assert set(invalid.value.errors) == {"username", "channels"}
    with pytest.raises(Invalid, match="Unknown user"):
        client.set_user_state(name(), {})
    with Client(server.url, "another secret") as stranger, pytest.raises(BadSignature):
        stranger.info()


def test_a_repeated_key_delivers_nothing_twice(client: Client) -> None:
    channel = name()
    conn_id = client.connect(name(), channels=[channel]).conn_id
    draft, key = Draft(user="bob", channel=channel, message={"n": 1}), uuid.uuid4().hex
    assert client.publish(draft, idempotency_key=key) == client.publish(draft, idempotency_key=key)
    assert len(poll(client, conn_id)) == 1
    with pytest.raises(Invalid, match="Idempotency-Key"):
        client.publish(Draft(user="eve", channel=channel), idempotency_key=key)


def test_a_client_waits_for_a_restarting_server() -> None:
    server = Server()
    with Client(server.url, "secret", attempts=10) as client:
        client.info()
        server.stop()
        restarted: list[Server] = []
        restart = threading.Timer(0.5, lambda: restarted.append(Server(port=server.port)))
        restart.start()
        assert client.connect("alice").username == "alice"
        restart.join()
        restarted[0].stop()


def test_a_missing_server_is_unreachable() -> None:
    with Client("http://127.0.0.1:9", "secret", attempts=2) as client, pytest.raises(Unreachable):
        client.info()


def client_with_answers(
    answers: list[httpx.Response | Exception],
) -> tuple[Client, list[httpx.Request]]:
    """Returns a client whose calls get these answers, and the list of the requests it sends."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    http = httpx.Client(transport=httpx.MockTransport(answer))
    return Client("http://server", "secret", http=http), sent


def test_a_lost_publish_is_repeated_with_the_same_key() -> None:
    client, sent = client_with_answers([httpx.ReadTimeout("lost"), httpx.Response(200, json=[])])
    client.publish(Draft(user="bob", channel="c"))
    first, second = sent
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.content == second.content


def test_a_lost_edit_is_not_repeated() -> None:
    client, sent = client_with_answers([httpx.ReadTimeout("lost")])
    with pytest.raises(Unreachable):
        client.edit(uuid.uuid4(), channel="c", message={})
    assert len(sent) == 1


def test_the_client_waits_for_retry_after() -> None:
    busy = httpx.Response(503, headers={"Retry-After": "1"}, json={"request": "busy"})
    client, sent = client_with_answers([busy, httpx.Response(200, json=[])])
    start = time.monotonic()
    client.publish(Draft(user="bob", channel="c"))
    assert len(sent) == 2 and time.monotonic() - start >= 1
    client, _ = client_with_answers([busy, busy, busy])
    with pytest.raises(Unavailable) as unavailable:
        client.info()
    assert unavailable.value.retry_after == 1


async def test_the_async_client_makes_the_same_calls(server: Server) -> None:
    channel = name()
    async with AsyncClient(server.url, "secret") as client:
        connected = await client.connect(name(), channels=[channel])
        await client.subscribe(connected.conn_id, [name()])
        sent = await client.publish(Draft(user="bob", channel=channel, message={"n": 1}))
        await client.edit(sent[0].uuid, channel=channel, message={"n": 2})
        await client.delete(sent[0].uuid, channel=channel)
        await client.set_user_state(connected.username, {"a": 1})
        await client.configure({channel: ChannelConfig()})
        assert (await client.info([channel])).channels[channel].total_connections == 1
        with pytest.raises(Invalid):
            await client.connect("")
        assert await client.disconnect(connected.conn_id)


def test_both_clients_have_the_same_calls() -> None:
    def public(kind: type) -> set[str]:
        return {key for key in vars(kind) if not key.startswith("_")}

    assert public(Client) == public(AsyncClient)


def answer_each(listener: socket.socket, heads: list[bytes], answer: bytes) -> None:
    """Reads a request on each connection, sends this answer, and closes the connection."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            heads.append(connection.recv(65536).split(b"\r\n")[0])
            connection.sendall(answer)


@pytest.mark.parametrize(
    "answer",
    [b"", b"this is not HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[{"],
)
async def test_the_async_client_repeats_a_lost_publish_but_no_edit(answer: bytes) -> None:
    heads: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_each, args=(listener, heads, answer))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with AsyncClient(url, "secret", attempts=2) as client:
            with pytest.raises(Unreachable):
                await client.publish(Draft(user="bob", channel="c"))
            with pytest.raises(Unreachable):
                await client.edit(uuid.uuid4(), channel="c", message={})
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert heads == [b"POST /message HTTP/1.1"] * 2 + [b"PATCH /message HTTP/1.1"]


async def test_the_async_client_repeats_an_edit_that_was_not_sent() -> None:
    async with AsyncClient("http://127.0.0.1:9", "secret", attempts=2) as client:
        start = time.monotonic()
        with pytest.raises(Unreachable):
            await client.edit(uuid.uuid4(), channel="c", message={})
    # The wait between two attempts is at least 0.1 seconds.
    assert time.monotonic() - start >= 0.1
