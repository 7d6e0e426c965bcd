"""Signs Schemathesis' calls, keeps connections and users alive, and adds checks for this server."""

import base64
import collections
import hashlib
import hmac
import json
import os
import re
import time
import uuid

import jsonschema_rs
import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation

SECRET = os.environ["CHANNELSTREAM_SECRET"]
ADDRESS = os.environ["CHANNELSTREAM_ADDRESS"]
# Whether the limits are so low that calls reach them.
LIMITS_ARE_LOW = os.environ["CHANNELSTREAM_LIMITS"] == "low"
TALLY = os.environ["CHANNELSTREAM_TALLY"]

HEADER = "x-channelstream-secret"
CONNECTIONS = {
    "alice": "11111111-1111-4111-8111-111111111111",
    "bob": "22222222-2222-4222-8222-222222222222",
}

# The errors of requests that their schemas allow. They depend on what the server knows, or on its
# settings, or are rules that no schema can express.
REASONS = re.compile(
    r"Unknown connection"
    r"|Unknown user"
    r"|Connection id already in use\."
    r"|Not a valid datetime\."  # The pattern allows 30 February.
    r"|Not a valid integer\."  # The pattern allows texts of more than 63 bits.
    r"|The key was used for another body\."
    r"|.* \([a-z_]+\)[;:.].*"  # The limit of this setting.
)

# The id of a connection is in the body or in the query, so the schema requires it in neither of
# them.
IN_NEITHER_PLACE = ("conn_id", "Field may not be null.")


def sign(path):
    """Signs a path with a nonce, since the server accepts each signature once."""

    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    key = hashlib.sha1(b"itsdangerous.Signersigner" + SECRET.encode()).digest()
    signed = f"{path}|{uuid.uuid4().hex}.{encode(int(time.time()).to_bytes(4, 'big'))}"
    return f"{signed}.{encode(hmac.new(key, signed.encode(), hashlib.sha1).digest())}"


@schemathesis.auth(refresh_interval=None)
class Signature:
    """Signs each call. The check `ignored_auth` removes the signature, and tries wrong ones."""

    def get(self, case, context):
        return sign(case.operation.path)

    def set(self, case, data, context):
        case.headers = {**(case.headers or {}), HEADER: data}


session = requests.Session()
session.trust_env = False


def call(path, body):
    session.post(ADDRESS + path, json=body, headers={HEADER: sign(path)}, timeout=20)


def is_about_the_known(context):
    return context.operation.path.endswith(
        (
            "/subscribe",
            "/unsubscribe",
            "/user_state",
            "/user_status",
            "/listen",
            "/sse",
            "/disconnect",
        )
    )


@schemathesis.hook
def before_call(context, case, kwargs):
    """Connects the known connections again, since earlier calls may have ended them."""
    if not is_about_the_known(context):
        return
    for user, conn_id in CONNECTIONS.items():
        connect = {
            "username": user,
            "conn_id": conn_id,
            "channels": ["news"],
            "info": {"channels": []},
        }
        call("/connect", connect)
    if context.operation.path in ("/listen", "/sse"):
        # With this message, neither a poll nor a stream waits for its first event.
        message = {"user": "carol", "pm_users": list(CONNECTIONS), "message": {"text": "hello"}}
        call("/message", [message])


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Ignores a failure that the original has too.

    If the body has a `conn_id`, the one in the query is not read.
    """
    if failure.code != "ST201" or case.operation.path not in ("/subscribe", "/unsubscribe"):
        return True
    is_sound = isinstance(case.body, dict) and not case.meta.is_negative_at(ParameterLocation.BODY)
    return not (is_sound and "conn_id" in case.body)


tally = collections.Counter()


@schemathesis.hook
def after_call(context, case, response):
    """Counts the answers of each call, and the limits that answers name, for the test."""
    tally[f"{case.operation.method.upper()} {case.operation.path} {response.status_code}"] += 1
    if response.status_code in (413, 422, 429, 503):
        for setting in re.findall(r"\(([a-z_]+)\)", response.text):
            tally[f"LIMIT {setting}"] += 1


@schemathesis.check
class Tally:
    def after_run(self, ctx):
        with open(TALLY, "w") as file:
            json.dump(tally, file, indent=1, sort_keys=True)


def messages(answer, field=""):
    """Yields the error texts of an answer, each with its field."""
    if isinstance(answer, str):
        yield field, answer
    elif isinstance(answer, list):
        for item in answer:
            yield from messages(item, field)
    elif isinstance(answer, dict):
        for key, item in answer.items():
            yield from messages(item, key)


@schemathesis.check
def refusals_have_a_reason(ctx, response, case):
    """A request that its schema allows is refused only for one of the known reasons."""
    if not case.meta or not case.meta.generation.mode.is_positive:
        return
    if response.status_code not in (400, 422):
        return
    if case.path == "/socket.io/":
        return  # The tool names no session that exists, and makes no upgrades.
    unknown = [
        (field, text)
        for field, text in messages(response.json())
        if (field, text) != IN_NEITHER_PLACE and not REASONS.fullmatch(text)
    ]
    if response.status_code == 400 or unknown:
        raise AssertionError(f"the schema allows this, and the server refuses it: {response.text}")


@schemathesis.check
def unavailable_means_a_limit(ctx, response, case):
    """A call is answered 503 only because of a limit.

    The answer names the limit, and the time after which to try again.
    """
    if response.status_code != 503:
        return
    names_it = re.search(r"\([a-z_]+\)", response.text) and "retry-after" in response.headers
    if not (LIMITS_ARE_LOW and names_it):
        raise AssertionError(f"503 without a limit that was reached: {response.text}")


@schemathesis.check
def events_are_as_described(ctx, response, case):
    """The data of each event of a stream matches the description."""
    if case.operation.path != "/sse" or response.status_code != 200:
        return
    description = case.operation.schema.raw_schema
    answer = description["paths"]["/sse"]["get"]["responses"]["200"]
    schema = answer["content"]["text/event-stream"]["schema"]
    validator = jsonschema_rs.validator_for({**schema, "components": description["components"]})
    for line in response.text.splitlines():
        if line.startswith("data:"):
            for error in validator.iter_errors(json.loads(line.removeprefix("data:"))):
                raise AssertionError(f"an event does not match the description: {error}")


@schemathesis.check
def headers_are_those_of_the_description(ctx, response, case):
    """A described header is present unless its text says that it may be absent.

    All our headers are described.
    """
    path = case.operation.schema.raw_schema["paths"][case.operation.path]
    answer = path[case.operation.method]["responses"].get(str(response.status_code))
    if answer is None or response.request.method.lower() != case.operation.method:
        return
    described = {
        name.lower(): header["description"] for name, header in answer.get("headers", {}).items()
    }
    missing = [
        name
        for name, text in described.items()
        if name not in response.headers and "absent" not in text
    ]
    ours = [
        name
        for name in response.headers
        if name.startswith("x-channelstream-") and name not in described
    ]
    if missing or ours:
        raise AssertionError(f"missing headers: {missing}; headers that are not described: {ours}")
