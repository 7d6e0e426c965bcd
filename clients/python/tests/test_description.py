"""Tests of the server's description of its API: it is valid, and has every call of this client."""

from __future__ import annotations

import inspect
import uuid
from typing import Any

import httpx
from conftest import Server
from openapi_spec_validator import OpenAPIV31SpecValidator

from channelstream_client import Call, Draft, calls, sign


def description(server: Server) -> dict[str, Any]:
    headers = {"x-channelstream-secret": sign("secret", "/openapi.json")}
    return httpx.get(f"{server.url}/openapi.json", headers=headers).raise_for_status().json()


def test_the_description_is_valid(server: Server) -> None:
    spec = description(server)
    assert spec["openapi"].startswith("3.1.")
    errors = list(OpenAPIV31SpecValidator(spec).iter_errors())
    assert [error.message for error in errors] == []


def test_the_description_has_every_call(server: Server) -> None:
    paths = description(server)["paths"]
    examples: list[Call[Any]] = [
        calls.connect("alice"),
        calls.subscribe(uuid.uuid4(), ["c"]),
        calls.unsubscribe(uuid.uuid4(), ["c"]),
        calls.publish(Draft(user="a")),
        calls.edit(uuid.uuid4()),
        calls.delete(uuid.uuid4()),
        calls.set_user_state("alice", {}),
        calls.configure({}),
        calls.info(),
        calls.disconnect(uuid.uuid4()),
    ]
    made = [call for call in vars(calls).values() if inspect.isfunction(call)]
    public = [call for call in made if not call.__name__.startswith("_")]
    functions = [call for call in public if call.__module__ == calls.__name__]
    assert len(examples) == len(functions)
    for call in examples:
        assert call.method.lower() in paths[call.path], call
