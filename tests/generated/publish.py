"""Publishes a message with a client generated from the description, and reads all events."""

import sys

from generated import AuthenticatedClient
from generated.api.messages import publish
from generated.models import (
    AcceptedMessage,
    DeletionEvent,
    EditEvent,
    FieldErrors,
    GapEvent,
    MessageDraft,
    MessageEvent,
    Payload,
    PresenceEvent,
    StateChangeEvent,
)

Event = MessageEvent | EditEvent | DeletionEvent | PresenceEvent | StateChangeEvent | GapEvent


def summary(event: Event) -> str:
    """Passes the type checker only when all events exist."""
    return f"{event.type_} {event.uuid}"


def main(address: str, signature: str) -> None:
    client = AuthenticatedClient(
        base_url=address, token=signature, prefix="", auth_header_name="x-channelstream-secret"
    )
    payload = Payload.from_dict({"text": "hello", "deep": {"list": [1, None, "two"]}})
    draft = MessageDraft(user="bob", channel="news", message=payload)
    answer = publish.sync(client=client, body=[draft])
    if not isinstance(answer, list):
        raise SystemExit(f"the message was refused: {answer}")
    message: AcceptedMessage = answer[0]
    if not isinstance(message.message, Payload) or message.message["text"] != "hello":
        raise SystemExit(f"the answer is not the message: {answer}")
    refused = publish.sync(client=client, body=[MessageDraft(user="", channel="news")])
    if not isinstance(refused, FieldErrors) or "0" not in refused:
        raise SystemExit(f"a message without a sender was not refused: {refused}")


main(*sys.argv[1:])
