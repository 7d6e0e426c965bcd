//! The texts that a Socket.IO client sends.

use channelstream::fuzzing::{ClientPacket, parse_packet};
use serde_json::Value;

use crate::time_limit::in_linear_time;

/// Asserts that a packet says what its text says, in the order that the protocol demands.
pub(super) fn run(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input)
        && let Some(packet) = in_linear_time(input.len(), || parse_packet(text))
    {
        check(text, &packet);
    }
}

fn check(text: &str, packet: &ClientPacket<'_>) {
    match packet {
        ClientPacket::Close => assert!(text.starts_with('1')),
        ClientPacket::Pong => assert!(text.starts_with('3')),
        ClientPacket::Probe(rest) => assert_eq!(text, format!("2{rest}")),
        ClientPacket::Disconnect => assert!(text.starts_with("41")),
        ClientPacket::Upgrade => assert!(text.starts_with('5')),
        ClientPacket::Ignored => {
            assert!(["43", "46", "6"].iter().any(|kind| text.starts_with(kind)));
        }
        ClientPacket::Connect { namespace, auth } => {
            assert!(namespace.starts_with('/'), "{namespace}");
            assert!(!namespace.contains([',', '?']), "{namespace}");
            assert!(*namespace == "/" || text.starts_with(&format!("40{namespace}")));
            match auth {
                Value::Null => {}
                Value::Object(_) => assert!(text.trim_end().ends_with('}'), "{text}"),
                other => panic!("a client said {other} of itself"),
            }
        }
        ClientPacket::Event { ack, membership } => {
            let (number, list) = after_namespace(text)
                .split_once('[')
                .expect("an event has a list");
            assert!(list.trim_start().starts_with('"'), "{list}");
            assert_eq!(number.trim_end().parse().ok(), *ack, "{text}");
            if let Some(membership) = membership {
                assert!(membership.channels.len() <= 256, "{text}");
            }
        }
    }
}

/// Returns what follows the type, the attachments and the namespace of an event.
fn after_namespace(text: &str) -> &str {
    let rest = match text.strip_prefix("42") {
        Some(rest) => rest,
        None => text.split_once('-').expect("the number of attachments").1,
    };
    if rest.starts_with('/') {
        rest.split_once(',').expect("the end of the namespace").1
    } else {
        rest
    }
}
