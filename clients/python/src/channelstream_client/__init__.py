"""The client of Channelstream for Python backends.

>>> client = Client("http://127.0.0.1:8000", "secret")
>>> connected = client.connect("alice", channels=["news"])
>>> client.publish(Draft(user="system", channel="news", message={"text": "hello"}))

:class:`AsyncClient` has the same calls as coroutines.
"""

from .calls import Call
from .client import AsyncClient, Client
from .errors import (
    BadSignature,
    ChannelstreamError,
    Forbidden,
    Invalid,
    Unavailable,
    Unexpected,
    Unreachable,
)
from .models import (
    ChannelConfig,
    ChannelInfo,
    Connected,
    Draft,
    Info,
    Message,
    StateChanged,
    Subscriptions,
    UserState,
)
from .signing import sign

__all__ = [
    "AsyncClient",
    "BadSignature",
    "Call",
    "ChannelConfig",
    "ChannelInfo",
    "ChannelstreamError",
    "Client",
    "Connected",
    "Draft",
    "Forbidden",
    "Info",
    "Invalid",
    "Message",
    "StateChanged",
    "Subscriptions",
    "Unavailable",
    "Unexpected",
    "Unreachable",
    "UserState",
    "sign",
]
