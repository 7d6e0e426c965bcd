"""Why a call was not done."""

from __future__ import annotations

from typing import Any

import httpx


class ChannelstreamError(Exception):
    """Any of them."""


class Unreachable(ChannelstreamError):
    """No answer came; what became of the call is not known."""


class Answered(ChannelstreamError):
    """The server answered that it did not do it."""

    def __init__(self, response: httpx.Response) -> None:
        self.status: int = response.status_code
        #: What the answer said: parsed where it is JSON.
        self.body: Any = _parsed(response)
        super().__init__(f"{response.request.method} {response.request.url.path}: {self.status} {self.body}")


class Forbidden(Answered):
    """403: this address may not call (``allow_posting_from``), or the call was not signed."""


class BadSignature(Answered):
    """401: the secrets differ, or the clocks."""


class Invalid(Answered):
    """422: what was sent breaks rules; nothing has changed."""

    @property
    def errors(self) -> dict[str, Any]:
        """The messages, by field; in a list by index first (``docs/api.md``)."""
        return self.body if isinstance(self.body, dict) else {"": self.body}


class Unavailable(Answered):
    """503 or 429: not now; nothing was done."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response)
        #: Seconds after which to try again.
        self.retry_after: float = _seconds(response.headers.get("Retry-After"))


class Unexpected(Answered):
    """Any other answer."""


def of(response: httpx.Response) -> Answered:
    """What an answer that is no success means."""
    kinds: dict[int, type[Answered]] = {
        401: BadSignature,
        403: Forbidden,
        422: Invalid,
        429: Unavailable,
        503: Unavailable,
    }
    return kinds.get(response.status_code, Unexpected)(response)


def _parsed(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text


def _seconds(text: str | None) -> float:
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        return 0.0
