"""The clients: they sign the calls, make them, and repeat them when that is safe."""

from __future__ import annotations

import asyncio
import functools
import json
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import aiohttp
import httpx
from httpx_aiohttp import HttpxAiohttpClient

from . import calls, errors
from .calls import Call
from .signing import HEADER, sign, sign_once

T = TypeVar("T")
P = ParamSpec("P")

#: The longest time of the first wait before another attempt, in seconds. Each later wait is twice
#: as long.
_FIRST_WAIT = 0.2

#: The largest number of calls that an :class:`AsyncClient` makes at once. Other calls wait for
#: their turn, without a time limit. More would not be faster: each connection costs time, and this
#: number keeps a server busy that is 10 ms away.
_AT_ONCE = 32

#: The errors of httpx after which it is certain that the call was not sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

#: The same errors of aiohttp. They are checked because httpx_aiohttp reports other errors of a
#: connection as a ``ConnectTimeout`` too, although the call may have been sent.
_NOT_SENT_BY_AIOHTTP = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)

#: The errors after which there is no readable answer. httpx_aiohttp passes on some errors of
#: aiohttp unchanged, for example when an answer is not HTTP.
_NO_ANSWER = (httpx.TransportError, aiohttp.ClientError)


def _was_not_sent(error: Exception) -> bool:
    """Returns whether it is certain that a call did not reach the server."""
    cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
    if isinstance(cause, aiohttp.ClientError):
        return isinstance(cause, _NOT_SENT_BY_AIOHTTP)
    return isinstance(error, _NOT_SENT)


class _Base:
    """The parts that both clients share."""

    def __init__(self, url: str, secret: str, attempts: int, nonces: bool) -> None:
        self._url = url.rstrip("/")
        self._secret = secret
        self._sign = sign_once if nonces else sign
        self._attempts = max(1, attempts)

    def _request(self, call: Call[Any]) -> dict[str, Any]:
        """Returns the arguments for httpx.

        Each attempt needs a new signature, because a signature contains its time.
        """
        headers = {
            HEADER: self._sign(self._secret, call.path),
            "Content-Type": "application/json",
            **call.headers,
        }
        return {
            "method": call.method,
            "url": self._url + call.path,
            "content": json.dumps(call.body),
            "headers": headers,
        }

    def _wait(self, call: Call[Any], attempt: int, error: Exception) -> float | None:
        """Returns the wait before the next attempt, in seconds, or None for no further attempt."""
        if attempt >= self._attempts:
            return None
        if isinstance(error, errors.Unavailable):
            least = error.retry_after
        elif isinstance(error, _NO_ANSWER) and (call.is_repeatable or _was_not_sent(error)):
            least = 0.0
        else:
            return None
        return max(least, _FIRST_WAIT * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.0))


def _answer(call: Call[T], response: httpx.Response) -> T:
    if not response.is_success:
        raise errors.of(response)
    return call.parse(response.json())


def _sync(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    @functools.wraps(build)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.make(build(*args, **kwargs))

    return method


def _async(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], Awaitable[T]]:
    @functools.wraps(build)
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.make(build(*args, **kwargs))

    return method


class Client(_Base):
    """A client that calls a Channelstream server.

    All threads can share one client. Close it at the end, or use it in ``with``.

    :param url: the address of the server, such as ``http://127.0.0.1:8000``
    :param secret: the server's ``secret``
    :param attempts: the largest number of attempts while the server cannot be reached, or cannot
        take the call now
    :param timeout: the time limit of one attempt, in seconds
    :param nonces: whether to sign each attempt with a nonce, as a server with ``reject_replays``
        needs it
    """

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        attempts: int = 3,
        timeout: float = 10.0,
        nonces: bool = False,
        http: httpx.Client | None = None,
    ) -> None:
        super().__init__(url, secret, attempts, nonces)
        self._http = http or httpx.Client(timeout=timeout)

    def make(self, call: Call[T]) -> T:
        """Makes a call.

        :raises errors.ChannelstreamError: if the call fails
        """
        attempt = 1
        while True:
            try:
                return _answer(call, self._http.request(**self._request(call)))
            except (*_NO_ANSWER, errors.Unavailable) as error:
                wait = self._wait(call, attempt, error)
                if wait is None:
                    raise _public_error(error) from error
            time.sleep(wait)
            attempt += 1

    connect = _sync(calls.connect)
    subscribe = _sync(calls.subscribe)
    unsubscribe = _sync(calls.unsubscribe)
    publish = _sync(calls.publish)
    edit = _sync(calls.edit)
    delete = _sync(calls.delete)
    set_user_state = _sync(calls.set_user_state)
    configure = _sync(calls.configure)
    info = _sync(calls.info)
    disconnect = _sync(calls.disconnect)

    def close(self) -> None:
        """Closes the connections of the client."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient(_Base):
    """A client with the same calls as coroutines, and the same parameters as :class:`Client`.

    Close it at the end, or use it in ``async with``. It uses aiohttp, because the connections of
    httpx itself are slow when many calls are made at once: for each call that waits, the pool of
    httpx looks at each connection.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        attempts: int = 3,
        timeout: float = 10.0,
        nonces: bool = False,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        super().__init__(url, secret, attempts, nonces)
        limits = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE)
        self._http = http or HttpxAiohttpClient(timeout=timeout, limits=limits)
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def make(self, call: Call[T]) -> T:
        """Makes a call.

        :raises errors.ChannelstreamError: if the call fails
        """
        attempt = 1
        while True:
            try:
                # The call is signed when its turn comes, because a signature contains its time.
                async with self._slots:
                    response = await self._http.request(**self._request(call))
                return _answer(call, response)
            except (*_NO_ANSWER, errors.Unavailable) as error:
                wait = self._wait(call, attempt, error)
                if wait is None:
                    raise _public_error(error) from error
            await asyncio.sleep(wait)
            attempt += 1

    connect = _async(calls.connect)
    subscribe = _async(calls.subscribe)
    unsubscribe = _async(calls.unsubscribe)
    publish = _async(calls.publish)
    edit = _async(calls.edit)
    delete = _async(calls.delete)
    set_user_state = _async(calls.set_user_state)
    configure = _async(calls.configure)
    info = _async(calls.info)
    disconnect = _async(calls.disconnect)

    async def close(self) -> None:
        """Closes the connections of the client."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _public_error(error: Exception) -> Exception:
    """Returns the error of this package that stands for an error of httpx or aiohttp."""
    return error if isinstance(error, errors.ChannelstreamError) else errors.Unreachable(str(error))
