//! The frames that a Socket.IO client is sent, except those of lists, which the broker encodes.

use bytes::Bytes;
use channelstream_actors::error::CloseReason;
use channelstream_actors::list::{Namespace, text_frame};
use channelstream_actors::name::ConnId;
use channelstream_actors::protocol::info::Introduction;
use serde::Serialize;
use serde_json::json;

/// The ping of the server. The client answers it with a pong.
pub(in crate::transport) const PING: &[u8] = b"\x81\x012";

/// The beginning of a session.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Opening<'a> {
    /// The name of the session.
    pub(super) sid: &'a str,
    /// The transports that the client may change to.
    pub(super) upgrades: [&'static str; 0],
    /// The time between two pings, in milliseconds.
    pub(super) ping_interval: u128,
    /// The time that a client may take to answer a ping, in milliseconds. Together with
    /// `ping_interval` it is the time after which a client gives the session up.
    pub(super) ping_timeout: u128,
    /// The longest packet that the client may send, in bytes.
    pub(super) max_payload: usize,
}

/// What a client is told of its connection.
#[derive(Debug, Serialize)]
pub(super) struct UserConnect {
    pub(super) conn_id: ConnId,
    #[serde(flatten)]
    pub(super) introduction: Introduction,
}

/// Returns the first packet of a session.
pub(super) fn open(opening: &Opening<'_>) -> Bytes {
    text_frame(&["0", &to_json(opening)])
}

/// Returns the answer to a probe, with the same text.
pub(in crate::transport) fn answer_probe(text: &str) -> Bytes {
    text_frame(&["3", text])
}

/// Returns the answer to a client that has connected.
pub(super) fn connected(namespace: Namespace, sid: &str) -> Bytes {
    text_frame(&["40", namespace.prefix(), &to_json(&json!({ "sid": sid }))])
}

/// Returns the answer to a client that cannot connect. `namespace` begins with `/`.
pub(in crate::transport) fn refuse(namespace: &str, message: &str, data: Option<u16>) -> Bytes {
    let prefix = match namespace {
        "/" => String::new(),
        other => format!("{other},"),
    };
    let error = match data {
        Some(code) => json!({ "message": message, "data": { "code": code } }),
        None => json!({ "message": message }),
    };
    text_frame(&["44", &prefix, &to_json(&error)])
}

/// Returns the event that tells a client of its connection.
pub(super) fn user_connect(namespace: Namespace, user: &UserConnect) -> Bytes {
    event(namespace, "user_connect", user)
}

/// Returns an event with one argument.
fn event(namespace: Namespace, name: &str, argument: &impl Serialize) -> Bytes {
    text_frame(&["42", namespace.prefix(), &to_json(&(name, argument))])
}

/// Returns the answer to an event of a client that waits for one.
pub(in crate::transport) fn refuse_event(namespace: Namespace, number: u64) -> Bytes {
    let error = json!([{ "error": "listen only: post through your application" }]);
    text_frame(&[
        "43",
        namespace.prefix(),
        &number.to_string(),
        &to_json(&error),
    ])
}

/// Returns the frames by which a client learns why its socket is closed. After a reason that does
/// not go away by itself, the client is also told not to come back.
pub(in crate::transport) fn goodbye(namespace: Namespace, reason: CloseReason) -> Bytes {
    let why = json!({ "code": reason.code().number(), "reason": reason.reason() });
    let event = event(namespace, "close", &why);
    match reason {
        CloseReason::Disconnected | CloseReason::Replaced => {
            let disconnect = text_frame(&["41", namespace.prefix()]);
            [event, disconnect].concat().into()
        }
        CloseReason::Restart { .. }
        | CloseReason::TooSlow
        | CloseReason::Idle
        | CloseReason::UnknownConnection
        | CloseReason::Full(_)
        | CloseReason::Fault => event,
    }
}

fn to_json(value: &impl Serialize) -> String {
    // Cannot fail: none of these values has a key that is not a text.
    serde_json::to_string(value).unwrap_or_default()
}
