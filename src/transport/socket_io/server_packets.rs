//! The packets that a Socket.IO client is sent, except those of lists, which the broker encodes.

use bytes::Bytes;
use channelstream_actors::error::CloseReason;
use channelstream_actors::list::{Namespace, text_frame};
use channelstream_actors::name::ConnId;
use channelstream_actors::protocol::info::Introduction;
use serde::Serialize;
use serde_json::json;

use crate::transport::socket_io::identification::{Facts, Pid};

/// The end of a session.
pub(super) const CLOSE: &str = "1";

/// The ping of the server. The client answers it with a pong.
pub(super) const PING: &str = "2";

/// A packet without a meaning, which ends a poll.
pub(super) const NOOP: &str = "6";

/// The frame of [`PING`].
pub(in crate::transport) const PING_FRAME: &[u8] = b"\x81\x012";

/// The beginning of a session.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Opening<'a> {
    /// The name of the session.
    pub(super) sid: &'a str,
    /// The transports that the client may change to.
    pub(super) upgrades: &'a [&'static str],
    /// The time between two pings, in milliseconds.
    pub(super) ping_interval: u128,
    /// The time that a client may take to answer a ping, in milliseconds. Together with
    /// `ping_interval` it is the time after which a client gives the session up.
    pub(super) ping_timeout: u128,
    /// The longest packet that the client may send, in bytes.
    pub(super) max_payload: usize,
}

/// The answer to a client that has connected.
#[derive(Debug, Serialize)]
struct Connected<'a> {
    sid: &'a str,
    /// Absent if the connection has ended in this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<String>,
}

/// What a client is told of its connection.
#[derive(Debug, Serialize)]
pub(super) struct UserConnect {
    pub(super) conn_id: ConnId,
    #[serde(flatten)]
    pub(super) introduction: Introduction,
}

/// Returns the frame of a packet.
pub(in crate::transport) fn frame(packet: &str) -> Bytes {
    text_frame(&[packet])
}

/// Returns the first packet of a session.
pub(super) fn open(opening: &Opening<'_>) -> String {
    format!("0{}", to_json(opening))
}

/// Returns the answer to a probe, with the same text.
pub(super) fn answer_probe(text: &str) -> String {
    format!("3{text}")
}

/// Returns the answer to a client that has connected.
pub(super) fn connected(facts: &Facts, sid: &str) -> String {
    let pid = facts.continuity.map(|continuity| Pid {
        conn_id: facts.conn_id,
        continuity,
    });
    let pid = pid.map(|pid| pid.to_string());
    let answer = to_json(&Connected { sid, pid });
    format!("40{}{answer}", facts.form.namespace.prefix())
}

/// Returns the answer to a client that cannot connect. `namespace` begins with `/`.
pub(super) fn refuse(namespace: &str, message: &str, data: Option<u16>) -> String {
    let prefix = match namespace {
        "/" => String::new(),
        other => format!("{other},"),
    };
    let error = match data {
        Some(code) => json!({ "message": message, "data": { "code": code } }),
        None => json!({ "message": message }),
    };
    format!("44{prefix}{error}")
}

/// Returns the event that tells a client of its connection.
pub(super) fn user_connect(namespace: Namespace, user: &UserConnect) -> String {
    event(namespace, "user_connect", user)
}

/// Returns an event with one argument.
pub(super) fn event(namespace: Namespace, name: &str, argument: &impl Serialize) -> String {
    format!("42{}{}", namespace.prefix(), to_json(&(name, argument)))
}

/// Returns the answer to an event that has no effect, for a client that waits for one.
pub(super) fn refuse_event(namespace: Namespace, number: u64) -> String {
    let error = json!({ "error": "listen only: post through your application" });
    ack(namespace, number, &error)
}

/// Returns the answer to an event of a client that waits for one.
pub(super) fn ack(namespace: Namespace, number: u64, answer: &impl Serialize) -> String {
    format!("43{}{number}{}", namespace.prefix(), to_json(&[answer]))
}

/// Returns whether a client is told not to come back, because the reason does not go away by
/// itself.
pub(super) fn stays_away(reason: CloseReason) -> bool {
    match reason {
        CloseReason::Disconnected | CloseReason::Replaced => true,
        CloseReason::Restart { .. }
        | CloseReason::TooSlow
        | CloseReason::Idle
        | CloseReason::UnknownConnection
        | CloseReason::Full(_)
        | CloseReason::Fault => false,
    }
}

/// Returns the packets by which a client learns why its session ends.
pub(in crate::transport) fn goodbye(namespace: Namespace, reason: CloseReason) -> Vec<String> {
    let why = json!({ "code": reason.code().number(), "reason": reason.reason() });
    let mut packets = vec![event(namespace, "close", &why)];
    if stays_away(reason) {
        packets.push(format!("41{}", namespace.prefix()));
    }
    packets
}

fn to_json(value: &impl Serialize) -> String {
    // Cannot fail: none of these values has a key that is not a text.
    serde_json::to_string(value).unwrap_or_default()
}
