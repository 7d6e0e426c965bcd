//! The packets of Socket.IO clients: Engine.IO protocol 4, and inside its messages Socket.IO
//! protocol 5.
//!
//! This server publishes only what an application posts, so it needs little of what a client sends.
//! The rest is checked and then ignored.

use serde_json::Value;
use serde_json::value::RawValue;

/// A packet of a client, reduced to what this server needs.
#[derive(Debug, PartialEq)]
pub enum ClientPacket<'a> {
    /// The client ends the session.
    Close,
    /// The answer to a ping of the server.
    Pong,
    /// The client asks whether this websocket works. The answer has the same text.
    Probe(&'a str),
    /// The client goes on by the websocket that sends this.
    Upgrade,
    /// The client connects to a namespace.
    Connect {
        /// The name of the namespace, which begins with `/`.
        namespace: &'a str,
        /// What the client says of itself; null if it says nothing.
        auth: Value,
    },
    /// The client leaves its namespace.
    Disconnect,
    /// The client sends an event.
    Event {
        /// The number by which the client waits for an answer; `None` if it waits for none.
        ack: Option<u64>,
        /// The channels that the client joins or leaves; `None` if it is another event.
        membership: Option<Membership>,
    },
    /// A packet that has no effect.
    Ignored,
}

/// The event by which a client joins or leaves channels: `["join", [name, …]]` or
/// `["leave", [name, …]]`.
#[derive(Debug, PartialEq)]
pub struct Membership {
    /// Whether the client joins the channels; otherwise it leaves them.
    pub is_join: bool,
    /// The names of the channels.
    pub channels: Vec<String>,
}

/// The most channels that a client may join or leave at once.
const MOST_CHANNELS: usize = 256;

/// The name of the namespace of a packet that names none.
const ROOT: &str = "/";

/// Reads the text of a packet. Returns `None` if it is not a packet that a client may send.
pub fn parse(text: &str) -> Option<ClientPacket<'_>> {
    let (kind, data) = split_first(text)?;
    Some(match kind {
        '1' => ClientPacket::Close,
        '2' => ClientPacket::Probe(data),
        '3' => ClientPacket::Pong,
        '4' => return parse_message(data),
        '5' => ClientPacket::Upgrade,
        '6' => ClientPacket::Ignored,
        _ => return None,
    })
}

/// Reads a packet of Socket.IO: `<type>[<attachments>-][/<namespace>,][<number>][<data>]`.
fn parse_message(text: &str) -> Option<ClientPacket<'_>> {
    let (kind, rest) = split_first(text)?;
    let rest = if matches!(kind, '5' | '6') {
        let (attachments, rest) = rest.split_once('-')?;
        attachments.parse::<u32>().ok()?;
        rest
    } else {
        rest
    };
    let (namespace, rest) = split_namespace(rest);
    let (number, data) = split_number(rest)?;
    match kind {
        '0' => Some(ClientPacket::Connect {
            namespace,
            auth: parse_auth(data)?,
        }),
        '1' => Some(ClientPacket::Disconnect),
        '2' | '5' => {
            let list = parse_list(data)?;
            let name: String = serde_json::from_str(list.first()?.get()).ok()?;
            Some(ClientPacket::Event {
                ack: number,
                membership: parse_membership(&name, &list),
            })
        }
        // The server never asks for an answer.
        '3' | '6' => parse_list(data).map(|_| ClientPacket::Ignored),
        _ => None,
    }
}

fn split_first(text: &str) -> Option<(char, &str)> {
    let mut letters = text.chars();
    let first = letters.next()?;
    Some((first, letters.as_str()))
}

/// Takes the namespace off the beginning of a packet. Some clients add a query to its name, which
/// has no meaning.
fn split_namespace(text: &str) -> (&str, &str) {
    if !text.starts_with('/') {
        return (ROOT, text);
    }
    let (namespace, rest) = text.split_once(',').unwrap_or((text, ""));
    let name = if cfg!(feature = "planted-faults") {
        namespace
    } else {
        namespace.split('?').next().unwrap_or(namespace)
    };
    (name, rest)
}

/// Takes a number off the beginning of a packet, if there is one.
fn split_number(text: &str) -> Option<(Option<u64>, &str)> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let number = match digits {
        "" => None,
        digits => Some(digits.parse().ok()?),
    };
    Some((number, rest))
}

/// Reads what a client says of itself: an object, or nothing.
fn parse_auth(data: &str) -> Option<Value> {
    if data.is_empty() {
        return Some(Value::Null);
    }
    serde_json::from_str(data).ok().filter(Value::is_object)
}

fn parse_list(data: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(data).ok()
}

fn parse_membership(name: &str, event: &[&RawValue]) -> Option<Membership> {
    let is_join = match name {
        "join" => true,
        "leave" => false,
        _ => return None,
    };
    let channels: Vec<String> = serde_json::from_str(event.get(1)?.get()).ok()?;
    (channels.len() <= MOST_CHANNELS).then_some(Membership { is_join, channels })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn connect(namespace: &str, auth: Value) -> Option<ClientPacket<'_>> {
        Some(ClientPacket::Connect { namespace, auth })
    }

    #[test]
    fn packets_of_clients_are_read() {
        let event = |ack| {
            let membership = None;
            Some(ClientPacket::Event { ack, membership })
        };
        for (text, packet) in [
            ("1", Some(ClientPacket::Close)),
            ("3", Some(ClientPacket::Pong)),
            ("2probe", Some(ClientPacket::Probe("probe"))),
            ("5", Some(ClientPacket::Upgrade)),
            ("40", connect("/", Value::Null)),
            ("40{}", connect("/", json!({}))),
            ("40/stream,", connect("/stream", Value::Null)),
            ("40/stream", connect("/stream", Value::Null)),
            (
                r#"40/stream?a=b,{"conn_id":"x"}"#,
                connect("/stream", json!({"conn_id": "x"})),
            ),
            ("41", Some(ClientPacket::Disconnect)),
            ("41/stream,", Some(ClientPacket::Disconnect)),
            (r#"42["a"]"#, event(None)),
            (r#"4217["a",{"b":[1]}]"#, event(Some(17))),
            (r#"42/stream,0["a"]"#, event(Some(0))),
            (
                r#"451-/stream,["a",{"_placeholder":true,"num":0}]"#,
                event(None),
            ),
            ("430[]", Some(ClientPacket::Ignored)),
            ("461-0[1]", Some(ClientPacket::Ignored)),
        ] {
            assert_eq!(parse(text), packet, "{text}");
        }
    }

    #[test]
    fn a_client_joins_and_leaves_lists_of_names() {
        let names = |count: usize| json!(vec!["a"; count]).to_string();
        for (text, expected) in [
            (r#"42["join",["a","b"]]"#, Some((true, 2))),
            (r#"42/stream,7["leave",["a"],"more"]"#, Some((false, 1))),
            (r#"42["join",[]]"#, Some((true, 0))),
            (&format!(r#"42["join",{}]"#, names(256)), Some((true, 256))),
            (&format!(r#"42["join",{}]"#, names(257)), None),
            (r#"42["join"]"#, None),
            (r#"42["join","a"]"#, None),
            (r#"42["join",["a",1]]"#, None),
            (r#"42["Join",["a"]]"#, None),
        ] {
            let Some(ClientPacket::Event { membership, .. }) = parse(text) else {
                panic!("{text}");
            };
            let found =
                membership.map(|membership| (membership.is_join, membership.channels.len()));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        for text in [
            "",
            "0",
            "7",
            "abc",
            "4",
            "4abc",
            "44{}",
            "40[]",
            "40{",
            "42",
            "42{}",
            "42[]",
            "42[1]",
            r#"42["a""#,
            r#"42abc["a"]"#,
            r#"42-1["a"]"#,
            r#"4299999999999999999999["a"]"#,
            r#"45["a"]"#,
            r#"45x-["a"]"#,
            "43",
            "ä",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
