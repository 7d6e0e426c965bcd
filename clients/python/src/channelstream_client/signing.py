"""Signatures: what the server's header ``x-channelstream-secret`` wants."""

from itsdangerous import TimestampSigner

HEADER = "x-channelstream-secret"


def sign(secret: str, text: str) -> str:
    """Signs a text, the path say, as of now. It counts for 60 seconds."""
    return TimestampSigner(secret).sign(text).decode()
