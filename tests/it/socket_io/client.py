"""A program with python-socketio: client.py KIND ADDRESS CONN_ID [TRANSPORT].

KIND is sync or async. Without a transport the client polls first, and then goes on by a websocket.
It prints one line of JSON for each event, and ends when a message says so.
"""

import asyncio
import json
import sys

import socketio

kind, address, conn_id, *transports = sys.argv[1:]
quick = {"reconnection_delay": 0.05, "reconnection_delay_max": 0.1}


def show(*values: object) -> None:
    # The synchronous client handles each event in a thread of its own.
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def is_last(events: list[dict]) -> bool:
    return any((event.get("message") or {}).get("last") for event in events)


def run() -> None:
    client = socketio.Client(**quick)
    client.on("user_connect", lambda value: show("user_connect", value))

    @client.on("message")
    def message(events: list[dict]) -> None:
        show("message", events)
        if is_last(events):
            show("answer", client.call("question"))
            client.disconnect()

    client.connect(
        f"http://{address}", transports=transports or None, auth={"conn_id": conn_id}
    )
    client.wait()


async def run_async() -> None:
    client = socketio.AsyncClient(**quick)
    client.on("user_connect", lambda value: show("user_connect", value))

    @client.on("message")
    async def message(events: list[dict]) -> None:
        show("message", events)
        if is_last(events):
            show("answer", await client.call("question"))
            await client.disconnect()

    await client.connect(
        f"http://{address}", transports=transports or None, auth={"conn_id": conn_id}
    )
    await client.wait()


if kind == "sync":
    run()
else:
    asyncio.run(run_async())
