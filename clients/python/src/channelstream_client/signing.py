"""Signatures for the header ``x-channelstream-secret``."""

from uuid import uuid4

from itsdangerous import TimestampSigner

HEADER = "x-channelstream-secret"


def sign(secret: str, text: str) -> str:
    """Signs a text, such as the path, with the current time. It is valid for 60 seconds."""
    return TimestampSigner(secret).sign(text).decode()


def sign_once(secret: str, path: str) -> str:
    """Signs the path of a call with a nonce.

    A server with ``reject_replays`` accepts each signature only once.
    """
    return sign(secret, f"{path}|{uuid4().hex}")
