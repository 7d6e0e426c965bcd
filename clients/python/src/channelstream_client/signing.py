"""Signatures: what the server's header ``x-channelstream-secret`` wants."""

from uuid import uuid4

from itsdangerous import TimestampSigner

HEADER = "x-channelstream-secret"


def sign(secret: str, text: str) -> str:
    """Signs a text, the path say, as of now. It counts for 60 seconds."""
    return TimestampSigner(secret).sign(text).decode()


def sign_once(secret: str, path: str) -> str:
    """Signs the path of a call with a nonce, for a server that accepts each signature once (``reject_replays``)."""
    return sign(secret, f"{path}|{uuid4().hex}")
