"""The calls of the API: the request of each call, and the parser of its answer.

:mod:`client` makes the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from .models import (
    ChannelConfig,
    Connected,
    Draft,
    Info,
    Message,
    State,
    StateChanged,
    Subscriptions,
    read,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """A call that has not been made yet."""

    method: str
    path: str
    body: Any
    #: Makes the call's result from the parsed JSON of the answer.
    parse: Callable[[Any], T]
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Whether the call may be made again when it is unknown whether the server has done it.
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
    """Creates a connection for a user.

    :param state_public_keys: the keys of the state that others may see
    :param fresh_user_state: values that are set only if the user is not known yet
    :param user_state: values that are set in any case
    :param channel_configs: the configurations of channels that do not exist yet
    :param return_public_state: whether the answer has only the public part of other users' states,
        since it goes to a page
    """
    body = {
        "username": username,
        # The id is chosen here, so that a second attempt does not create a second connection.
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
    """Subscribes a connection to channels."""
    options = _options(include_history, include_users, return_public_state)
    return _change_channels("/subscribe", conn_id, channels, channel_configs, options)


def unsubscribe(
    conn_id: UUID | str,
    channels: Iterable[str],
    *,
    include_history: bool = True,
    include_users: bool = True,
    return_public_state: bool = True,
) -> Call[Subscriptions]:
    """Unsubscribes a connection from channels."""
    options = _options(include_history, include_users, return_public_state)
    return _change_channels("/unsubscribe", conn_id, channels, None, options)


def _change_channels(
    path: str,
    conn_id: UUID | str,
    channels: Iterable[str],
    configs: Mapping[str, ChannelConfig] | None,
    options: dict[str, Any],
) -> Call[Subscriptions]:
    body = {
        "conn_id": str(conn_id),
        "channels": list(channels),
        "channel_configs": _configs(configs),
        "info": options,
    }
    return Call("POST", path, body, Subscriptions.of)


def publish(*drafts: Draft, idempotency_key: str | None = None) -> Call[list[Message]]:
    """Publishes messages, in their order.

    Returns the messages as the server accepted them. Messages without a channel and without users
    are left out.

    :param idempotency_key: a key that makes repeats safe: a second call with the same key and
        messages publishes nothing. None stands for a random key.
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
    """Changes a message where the server keeps it, and sends the edit to its recipients.

    Parameters that are None leave their field as it is.
    """
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
    """Deletes a message where the server keeps it, and tells its recipients."""
    return Call("DELETE", "/message", [_address(uuid, channel, pm_users, exclude_users)], _messages)


def set_user_state(
    user: str, user_state: State, *, state_public_keys: Iterable[str] | None = None
) -> Call[StateChanged]:
    """Changes a user's state. Keys that are not named stay as they are.

    :param state_public_keys: the keys that others may see; None leaves them as they are
    """
    body: dict[str, Any] = {"user": user, "user_state": dict(user_state)}
    if state_public_keys is not None:
        body["state_public_keys"] = list(state_public_keys)
    return Call("POST", "/user_state", body, StateChanged.of)


def configure(channel_configs: Mapping[str, ChannelConfig]) -> Call[Info]:
    """Configures channels, and creates the ones that do not exist."""
    return Call("POST", "/channel_config", _configs(channel_configs), Info.of)


def info(
    channels: Iterable[str] | None = None,
    *,
    exclude_channels: Iterable[str] = (),
    include_history: bool = True,
    include_users: bool = True,
    return_public_state: bool = False,
) -> Call[Info]:
    """Returns information about channels and the users in them.

    :param channels: the names of the channels; None for all channels
    """
    options = _options(include_history, include_users, return_public_state)
    options["exclude_channels"] = list(exclude_channels)
    if channels is not None:
        options["channels"] = list(channels)
    return Call("POST", "/info", {"info": options}, Info.of)


def disconnect(conn_id: UUID | str) -> Call[bool]:
    """Ends a connection for good. Returns whether the connection existed."""
    return Call("POST", "/disconnect", {"conn_id": str(conn_id)}, bool)


def _configs(configs: Mapping[str, ChannelConfig] | None) -> dict[str, Any]:
    return {name: config.as_json() for name, config in (configs or {}).items()}


def _options(
    include_history: bool, include_users: bool, return_public_state: bool
) -> dict[str, Any]:
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
