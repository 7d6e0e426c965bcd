"""The objects that clients send and receive. Keys that a newer server adds are ignored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar
from uuid import UUID

#: A value of a user's state.
StateValue = str | int | float | bool | None
State = Mapping[str, StateValue]

_T = TypeVar("_T")


def read(kind: type[_T], data: Mapping[str, Any], **parsed: Any) -> _T:
    """Makes an object of a dataclass from the server's JSON.

    :param parsed: the fields that are already parsed, and replace those of `data`
    """
    names = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    return kind(**{key: value for key, value in data.items() if key in names} | parsed)


@dataclass(frozen=True)
class ChannelConfig:
    """The configuration of a channel."""

    #: Send an event when a user joins or leaves.
    notify_presence: bool = False
    #: Add the list of present users to these events.
    broadcast_presence_with_user_lists: bool = False
    #: Send an event when the public state of a user changes.
    notify_state: bool = False
    #: Keep messages for ``info`` and ``connect``.
    store_history: bool = False
    #: The number of messages that the history keeps.
    history_size: int = 10
    #: Keep events for clients that reconnect.
    store_frames: bool = True

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Draft:
    """A message to be published: to a channel, to users, or to some users of a channel."""

    #: The sender's name.
    user: str
    channel: str | None = None
    #: The content, under keys of your choice. The values may be any JSON.
    message: Mapping[str, Any] = field(default_factory=dict)
    #: Only these users get it.
    pm_users: Sequence[str] = ()
    #: These users do not get it.
    exclude_users: Sequence[str] = ()
    uuid: UUID | str | None = None
    #: ISO 8601. None stands for the current time.
    timestamp: str | None = None
    #: Keep it out of the history.
    no_history: bool = False

    def as_json(self) -> dict[str, Any]:
        body = {
            "user": self.user,
            "message": dict(self.message),
            "pm_users": list(self.pm_users),
            "exclude_users": list(self.exclude_users),
            "no_history": self.no_history,
        }
        optional = {
            "channel": self.channel,
            "uuid": self.uuid and str(self.uuid),
            "timestamp": self.timestamp,
        }
        return body | {key: value for key, value in optional.items() if value is not None}


@dataclass(frozen=True)
class Message:
    """A message as the server accepted it, or keeps it."""

    uuid: str
    channel: str | None = None
    user: str | None = None
    timestamp: str | None = None
    message: Any = None
    pm_users: Sequence[str] = ()
    exclude_users: Sequence[str] = ()
    no_history: bool = False
    edited: str | None = None


@dataclass(frozen=True)
class UserState:
    """A user, with the whole state or its public part."""

    user: str
    state: State


@dataclass(frozen=True)
class ChannelInfo:
    """A channel, with its settings, history and users."""

    uuid: str
    name: str
    settings: ChannelConfig
    history: Sequence[Message]
    last_active: str
    total_connections: int
    total_users: int
    users: Sequence[str]

    @staticmethod
    def of(data: Mapping[str, Any]) -> ChannelInfo:
        history = [read(Message, message) for message in data["history"]]
        settings = read(ChannelConfig, data["settings"])
        return read(ChannelInfo, data, settings=settings, history=history)


@dataclass(frozen=True)
class Info:
    """Channels, and the users in them."""

    channels: Mapping[str, ChannelInfo]
    users: Sequence[UserState]
    #: The server's answer, unchanged, to pass on to a page.
    raw: Mapping[str, Any]

    @staticmethod
    def of(data: Mapping[str, Any]) -> Info:
        channels = {name: ChannelInfo.of(channel) for name, channel in data["channels"].items()}
        return Info(channels, [read(UserState, user) for user in data["users"]], data)


@dataclass(frozen=True)
class Connected:
    """A new connection. Give `raw` to the page, which listens with the `conn_id`."""

    conn_id: str
    username: str
    state: State
    public_state: State
    channels: Sequence[str]
    channels_info: Info
    #: The server's answer, unchanged, to pass on to the browser client.
    raw: Mapping[str, Any]

    @staticmethod
    def of(data: Mapping[str, Any]) -> Connected:
        return read(Connected, data, channels_info=Info.of(data["channels_info"]), raw=data)


@dataclass(frozen=True)
class Subscriptions:
    """The channels of a connection after a change."""

    channels: Sequence[str]
    channels_info: Info
    #: The channels that were added or removed.
    changed: Sequence[str]
    raw: Mapping[str, Any]

    @staticmethod
    def of(data: Mapping[str, Any]) -> Subscriptions:
        changed = data.get("subscribed_to", data.get("unsubscribed_from", []))
        info = Info.of(data["channels_info"])
        return read(Subscriptions, data, channels_info=info, changed=changed, raw=data)


@dataclass(frozen=True)
class StateChanged:
    """A user's state after a change."""

    user_state: State
    #: The keys whose values have changed, with their new values.
    changed_state: Mapping[str, StateValue]
    public_keys: Sequence[str]

    @staticmethod
    def of(data: Mapping[str, Any]) -> StateChanged:
        changed_state = {change["key"]: change["value"] for change in data["changed_state"]}
        return read(StateChanged, data, changed_state=changed_state)
