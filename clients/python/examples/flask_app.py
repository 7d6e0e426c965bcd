"""A chat with Flask.

Run it with ``CHANNELSTREAM_SECRET=secret flask --app flask_app run``.
"""

import os

from flask import Flask, jsonify, render_template_string, request, session

from channelstream_client import ChannelConfig, Client, Draft, Unavailable, Unreachable

SERVER = os.environ.get("CHANNELSTREAM_URL", "http://127.0.0.1:8000")
CHANNEL = "lobby"

app = Flask(__name__)
app.secret_key = os.environ.get("FLASK_SECRET_KEY", os.urandom(16))
push = Client(SERVER, os.environ.get("CHANNELSTREAM_SECRET", "secret"))

PAGE = """<!doctype html>
<title>Chat</title>
<ul id="messages"></ul>
<form id="say"><input name="text" aria-label="Message"><button>Send</button></form>
<script type="module">
import { ChannelStreamConnection } from "{{ server }}/static/channelstream.js";
const connection = new ChannelStreamConnection();
connection.connectUrl = "/push/connect";
connection.messageUrl = "/push/message";
connection.websocketUrl = "{{ server.replace('http', 'ws', 1) }}/ws";
connection.on("message", ({ user, message }) => {
    const item = document.createElement("li");
    item.textContent = `${user}: ${message.text}`;
    document.getElementById("messages").append(item);
});
document.getElementById("say").onsubmit = (event) => {
    event.preventDefault();
    connection.message({ text: event.target.text.value });
    event.target.reset();
};
connection.connect();
</script>
"""


def user() -> str:
    """Returns the name of the user. A real application takes it from the login."""
    return session.setdefault("user", f"guest-{os.urandom(3).hex()}")


@app.get("/")
def page() -> str:
    user()
    return render_template_string(PAGE, server=SERVER)


@app.post("/push/connect")
def connect():
    # The application decides here which channels the user may read, whatever the page asks for.
    configs = {CHANNEL: ChannelConfig(notify_presence=True, store_history=True, history_size=50)}
    return jsonify(push.connect(user(), channels=[CHANNEL], channel_configs=configs).raw)


@app.post("/push/message")
def message():
    text = str(request.get_json().get("text", ""))[:1000]
    push.publish(Draft(user=user(), channel=CHANNEL, message={"text": text}))
    return "", 204


@app.errorhandler(Unavailable)
@app.errorhandler(Unreachable)
def push_is_away(_):
    # The browser client tries again after this time.
    return {"error": "the push server is unavailable"}, 503, {"Retry-After": "2"}
