"""The reasons why a call failed."""

from __future__ import annotations

from typing import Any

import httpx


class ChannelstreamError(Exception):
    """The base class of all errors of this package."""


class Unreachable(ChannelstreamError):
    """No answer came. It is unknown whether the server has done the call."""


class Answered(ChannelstreamError):
    """The server answered that it did not do the call."""

    def __init__(self, response: httpx.Response) -> None:
        self.status: int = response.status_code
        #: The body of the answer, parsed if it is JSON.
        self.body: Any = _parsed(response)
        request = response.request
        super().__init__(f"{request.method} {request.url.path}: {self.status} {self.body}")


class Forbidden(Answered):
    """403: this address may not call (``allow_posting_from``), or the call was not signed."""


class BadSignature(Answered):
    """401: the secrets or the clocks of client and server differ."""


class Invalid(Answered):
    """422: the call breaks rules of the API. The server has changed nothing."""

    @property
    def errors(self) -> dict[str, Any]:
        """The messages, by field; for a list of drafts first by index (``docs/api.md``)."""
        return self.body if isinstance(self.body, dict) else {"": self.body}


class Unavailable(Answered):
    """503 or 429: the server cannot take the call now. It has done nothing of it."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response)
        #: The wait that the server asks for before another attempt, in seconds.
        self.retry_after: float = _seconds(response.headers.get("Retry-After"))


class Unexpected(Answered):
    """Any other answer."""


def of(response: httpx.Response) -> Answered:
    """Returns the error for an answer that is not a success."""
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
