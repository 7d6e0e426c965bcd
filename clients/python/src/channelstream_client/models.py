"""What goes over the wire. Keys that a newer server adds are passed over."""

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
    """An object of a dataclass from what the server sent; `parsed` are the fields that are more than JSON."""
    names = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    return kind(**{key: value for key, value in data.items() if key in names} | parsed)


@dataclass(frozen=True)
class ChannelConfig:
    """How a channel behaves."""

    #: Send events when users come and go.
    notify_presence: bool = False
    #: ... with the list of those present.
    broadcast_presence_with_user_lists: bool = False
    #: Send events when the public state of users changes.
    notify_state: bool = False
    #: Keep messages for ``info`` and ``connect``.
    store_history: bool = False
    history_size: int = 10
    #: Keep events for clients that come back.
    store_frames: bool = True

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Draft:
    """A message to be published: to a channel, to users, or to some users of a channel."""

    #: The sender's name.
    user: str
    channel: str | None = None
    #: Anything that is JSON, under keys of yours.
    message: Mapping[str, Any] = field(default_factory=dict)
    #: Only these users get it.
    pm_users: Sequence[str] = ()
    #: All but these get it.
    exclude_users: Sequence[str] = ()
    uuid: UUID | str | None = None
    #: ISO 8601; now, where nothing is said.
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
        optional = {"channel": self.channel, "uuid": self.uuid and str(self.uuid), "timestamp": self.timestamp}
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
    """A user, and what is told of it."""

    user: str
    state: State


@dataclass(frozen=True)
class ChannelInfo:
    """A channel."""

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
        return read(ChannelInfo, data, settings=read(ChannelConfig, data["settings"]), history=history)


@dataclass(frozen=True)
class Info:
    """Channels, and the users in them."""

    channels: Mapping[str, ChannelInfo]
    users: Sequence[UserState]
    #: As it came: what a page wants to be given.
    raw: Mapping[str, Any]

    @staticmethod
    def of(data: Mapping[str, Any]) -> Info:
        channels = {name: ChannelInfo.of(channel) for name, channel in data["channels"].items()}
        return Info(channels, [read(UserState, user) for user in data["users"]], data)


@dataclass(frozen=True)
class Connected:
    """A connection: give `raw` to the page, which listens with its `conn_id`."""

    conn_id: str
    username: str
    state: State
    public_state: State
    channels: Sequence[str]
    channels_info: Info
    #: As it came: what the browser client wants to be given.
    raw: Mapping[str, Any]

    @staticmethod
    def of(data: Mapping[str, Any]) -> Connected:
        return read(Connected, data, channels_info=Info.of(data["channels_info"]), raw=data)


@dataclass(frozen=True)
class Subscriptions:
    """The channels of a connection after a change."""

    channels: Sequence[str]
    channels_info: Info
    #: Those that were added, or taken away.
    changed: Sequence[str]
    raw: Mapping[str, Any]

    @staticmethod
    def of(data: Mapping[str, Any]) -> Subscriptions:
        changed = data.get("subscribed_to", data.get("unsubscribed_from", []))
        return read(Subscriptions, data, channels_info=Info.of(data["channels_info"]), changed=changed, raw=data)


@dataclass(frozen=True)
class StateChanged:
    """A user's state after a change."""

    user_state: State
    #: Those keys that have another value now.
    changed_state: Mapping[str, StateValue]
    public_keys: Sequence[str]

    @staticmethod
    def of(data: Mapping[str, Any]) -> StateChanged:
        return read(StateChanged, data, changed_state={change["key"]: change["value"] for change in data["changed_state"]})
