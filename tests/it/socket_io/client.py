"""A program with python-socketio: client.py KIND ADDRESS CONN_ID, where KIND is sync or async.

It prints one line of JSON for each event, and ends when a message says so.
"""

import asyncio
import json
import sys

import socketio

kind, address, conn_id = sys.argv[1:]


def show(*values: object) -> None:
    print(json.dumps(values), flush=True)


def is_last(events: list[dict]) -> bool:
    return any((event.get("message") or {}).get("last") for event in events)


def run() -> None:
    client = socketio.Client()
    client.on("user_connect", lambda value: show("user_connect", value))

    @client.on("message")
    def message(events: list[dict]) -> None:
        show("message", events)
        if is_last(events):
            show("answer", client.call("question"))
            client.disconnect()

    client.connect(f"http://{address}", transports=["websocket"], auth={"conn_id": conn_id})
    client.wait()


async def run_async() -> None:
    client = socketio.AsyncClient()
    client.on("user_connect", lambda value: show("user_connect", value))

    @client.on("message")
    async def message(events: list[dict]) -> None:
        show("message", events)
        if is_last(events):
            show("answer", await client.call("question"))
            await client.disconnect()

    await client.connect(f"http://{address}", transports=["websocket"], auth={"conn_id": conn_id})
    await client.wait()


if kind == "sync":
    run()
else:
    asyncio.run(run_async())
