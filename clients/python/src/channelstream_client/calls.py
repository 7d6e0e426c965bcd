"""The calls of the API: what each sends, and what it makes of the answer. :mod:`client` makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from .models import ChannelConfig, Connected, Draft, Info, Message, State, StateChanged, Subscriptions, read

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """A call that was not made yet."""

    method: str
    path: str
    body: Any
    #: What the answer becomes.
    parse: Callable[[Any], T]
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Whether it may be made again when it is not known whether it was done.
    is_repeatable: bool = True


def connect(
    username: str,
    *,
    channels: Iterable[str] = (),
    conn_id: UUID | str | None = None,
    state_public_keys: Iterable[str] = (),
    fresh_user_state: State | None = None,
    user_state: State | None = None,
    channel_configs: Mapping[str, ChannelConfig] | None = None,
    include_history: bool = True,
    include_users: bool = True,
    return_public_state: bool = True,
) -> Call[Connected]:
    """Makes a connection for a user.

    :param state_public_keys: keys of the state that others may see
    :param fresh_user_state: set when the user is not known yet
    :param user_state: set in any case
    :param channel_configs: of channels that do not exist yet
    :param return_public_state: tell of other users' states the public part only, since the answer goes to a page
    """
    body = {
        "username": username,
        # Chosen here, so that a second attempt makes no second connection.
        "conn_id": str(conn_id or uuid4()),
        "channels": list(channels),
        "state_public_keys": list(state_public_keys),
        "fresh_user_state": dict(fresh_user_state or {}),
        "user_state": dict(user_state or {}),
        "channel_configs": _configs(channel_configs),
        "info": _options(include_history, include_users, return_public_state),
    }
    return Call("POST", "/connect", body, Connected.of)


def subscribe(
    conn_id: UUID | str,
    channels: Iterable[str],
    *,
    channel_configs: Mapping[str, ChannelConfig] | None = None,
    include_history: bool = True,
    include_users: bool = True,
    return_public_state: bool = True,
) -> Call[Subscriptions]:
    """Puts a connection into channels."""
    return _change(
        "/subscribe", conn_id, channels, channel_configs, _options(include_history, include_users, return_public_state)
    )


def unsubscribe(
    conn_id: UUID | str,
    channels: Iterable[str],
    *,
    include_history: bool = True,
    include_users: bool = True,
    return_public_state: bool = True,
) -> Call[Subscriptions]:
    """Takes a connection out of channels."""
    return _change("/unsubscribe", conn_id, channels, None, _options(include_history, include_users, return_public_state))


def _change(
    path: str,
    conn_id: UUID | str,
    channels: Iterable[str],
    configs: Mapping[str, ChannelConfig] | None,
    options: dict[str, Any],
) -> Call[Subscriptions]:
    body = {"conn_id": str(conn_id), "channels": list(channels), "channel_configs": _configs(configs), "info": options}
    return Call("POST", path, body, Subscriptions.of)


def publish(*drafts: Draft, idempotency_key: str | None = None) -> Call[list[Message]]:
    """Publishes messages, in their order. Answers them as accepted; those that go nowhere are left out.

    :param idempotency_key: a second call with the same key and messages does nothing; a random one where none is given
    """
    headers = {"Idempotency-Key": idempotency_key or uuid4().hex}
    return Call("POST", "/message", [draft.as_json() for draft in drafts], _messages, headers)


def edit(
    uuid: UUID | str,
    *,
    channel: str | None = None,
    pm_users: Iterable[str] = (),
    exclude_users: Iterable[str] = (),
    message: Mapping[str, Any] | None = None,
    user: str | None = None,
    timestamp: str | None = None,
) -> Call[list[Message]]:
    """Changes a message where it is kept, and tells those who have it. What is None stays."""
    changes = {"message": message, "user": user, "timestamp": timestamp}
    body = _address(uuid, channel, pm_users, exclude_users) | {
        key: value for key, value in changes.items() if value is not None
    }
    return Call("PATCH", "/message", [body], _messages, is_repeatable=False)


def delete(
    uuid: UUID | str,
    *,
    channel: str | None = None,
    pm_users: Iterable[str] = (),
    exclude_users: Iterable[str] = (),
) -> Call[list[Message]]:
    """Deletes a message where it is kept, and tells those who have it."""
    return Call("DELETE", "/message", [_address(uuid, channel, pm_users, exclude_users)], _messages)


def set_user_state(
    user: str, user_state: State, *, state_public_keys: Iterable[str] | None = None
) -> Call[StateChanged]:
    """Changes a user's state; keys not named stay. `state_public_keys`: which keys others may see; None: as before."""
    body: dict[str, Any] = {"user": user, "user_state": dict(user_state)}
    if state_public_keys is not None:
        body["state_public_keys"] = list(state_public_keys)
    return Call("POST", "/user_state", body, StateChanged.of)


def configure(channel_configs: Mapping[str, ChannelConfig]) -> Call[Info]:
    """Sets how channels behave; makes those that do not exist."""
    return Call("POST", "/channel_config", _configs(channel_configs), Info.of)


def info(
    channels: Iterable[str] | None = None,
    *,
    exclude_channels: Iterable[str] = (),
    include_history: bool = True,
    include_users: bool = True,
    return_public_state: bool = False,
) -> Call[Info]:
    """Tells of channels, all of them for None, and of the users in them."""
    options = _options(include_history, include_users, return_public_state)
    options["exclude_channels"] = list(exclude_channels)
    if channels is not None:
        options["channels"] = list(channels)
    return Call("POST", "/info", {"info": options}, Info.of)


def disconnect(conn_id: UUID | str) -> Call[bool]:
    """Ends a connection for good. Answers whether there was one."""
    return Call("POST", "/disconnect", {"conn_id": str(conn_id)}, bool)


def _configs(configs: Mapping[str, ChannelConfig] | None) -> dict[str, Any]:
    return {name: config.as_json() for name, config in (configs or {}).items()}


def _options(include_history: bool, include_users: bool, return_public_state: bool) -> dict[str, Any]:
    return {
        "include_history": include_history,
        "include_users": include_users,
        "return_public_state": return_public_state,
    }


def _address(
    uuid: UUID | str, channel: str | None, pm_users: Iterable[str], exclude_users: Iterable[str]
) -> dict[str, Any]:
    address = {"uuid": str(uuid), "pm_users": list(pm_users), "exclude_users": list(exclude_users)}
    return address if channel is None else address | {"channel": channel}


def _messages(answer: Any) -> list[Message]:
    return [read(Message, message) for message in answer]
