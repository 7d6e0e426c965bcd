//! What a Socket.IO client says of itself: in the query of its requests, and in its `auth` when it
//! connects. What it says in `auth` takes precedence. Also the facts about a client that has
//! connected.

use std::collections::BTreeMap;

use channelstream_actors::list::SocketIoForm;
use channelstream_actors::name::ConnId;
use channelstream_actors::position::{Continuity, Position, Return};
use serde_json::Value;

use crate::transport::position;
use crate::validation::parameters::{CONN_ID, Parameter, text};
use crate::validation::rules::parse_uuid;

pub(super) const OFFSETS: Parameter<String> = text(
    "offsets",
    "The value `1` gives the event `message` a second argument, an offset. A JavaScript client \
     brings the last offset when it comes back, and is then sent nothing twice.",
);

pub(super) const USERNAME: Parameter<String> = text(
    "username",
    "The name of a user. With `socketio_username`, a client that brings it together with `sig` \
     listens as this user, with a connection that the server makes.",
);

pub(super) const SIG: Parameter<String> = text(
    "sig",
    "The signature of `username`, which the application makes with a salt of its own. It may also \
     be called `signature`.",
);

/// The other name of [`SIG`].
const SIGNATURE: &str = "signature";

/// What a client says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Identification {
    /// The connection for which it listens.
    pub(super) conn_id: Option<ConnId>,
    /// The user as whom it listens, and the signature.
    pub(super) user: Option<(String, String)>,
    /// The connection for which it listened before.
    pub(super) former: Option<ConnId>,
    /// Whether it wants the offset behind each list.
    pub(super) wants_offsets: bool,
    /// What it tells of its former transports, which it does in its `auth` only.
    returning: Return,
}

impl Identification {
    /// Reads a query.
    pub(super) fn of_query(query: &mut BTreeMap<String, String>) -> Self {
        Self {
            // A wrong id is unknown, like any other that does not exist.
            conn_id: CONN_ID.take(query).unwrap_or_default(),
            wants_offsets: query.get(OFFSETS.name).is_some_and(|value| value == "1"),
            user: (query.get(USERNAME.name).cloned())
                .zip(query.get(SIG.name).or(query.get(SIGNATURE)).cloned()),
            ..Self::default()
        }
    }

    /// Returns this with what the client says when it connects.
    pub(super) fn with_auth(&self, auth: &Value) -> Self {
        let pid = auth.get("pid").and_then(Value::as_str).and_then(Pid::parse);
        let conn_id = match auth.get(CONN_ID.name) {
            Some(id) => id.as_str().and_then(parse_uuid).map(ConnId::from),
            None => self.conn_id.or(pid.map(|pid| pid.conn_id)),
        };
        let wants_offsets = match auth.get(OFFSETS.name) {
            Some(value) => *value == 1 || value == "1" || *value == true,
            None => self.wants_offsets,
        };
        let text = |name| auth.get(name).and_then(Value::as_str).map(str::to_owned);
        let user = text(USERNAME.name).zip(text(SIG.name).or(text(SIGNATURE)));
        Self {
            conn_id,
            user: user.or(self.user.clone()),
            former: pid.map(|pid| pid.conn_id),
            wants_offsets,
            returning: Return {
                last: auth.get("offset").and_then(parse_offset),
                continuity: pid.map(|pid| pid.continuity),
                ..Return::default()
            },
        }
    }

    /// Returns what the client tells of its former transports, if it listens for this connection. A
    /// pid of another connection says nothing.
    pub(super) fn returning(&self, conn_id: ConnId) -> Return {
        if self.former == Some(conn_id) {
            self.returning.clone()
        } else {
            Return::default()
        }
    }
}

/// The facts about a client that has connected. Another transport goes on with them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) conn_id: ConnId,
    pub(super) form: SocketIoForm,
    /// The continuity that the client was given.
    pub(super) continuity: Option<Continuity>,
}

/// Returns the position that an offset stands for. Other text counts as no offset, since a client
/// takes each text at the end of an event for one.
fn parse_offset(offset: &Value) -> Option<Position> {
    match &*position::decode(offset.as_str()?)? {
        [position] => Some(*position),
        _ => None,
    }
}

/// The text that a client is given when it connects and that it brings when it comes back. If it is
/// given the same one again, it has missed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pid {
    pub(super) conn_id: ConnId,
    pub(super) continuity: Continuity,
}

impl Pid {
    fn parse(text: &str) -> Option<Self> {
        let (conn_id, continuity) = text.split_once('.')?;
        Some(Self {
            conn_id: parse_uuid(conn_id)?.into(),
            continuity: u64::from_str_radix(continuity, 16).ok()?.into(),
        })
    }
}

impl std::fmt::Display for Pid {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let continuity = u64::from(self.continuity);
        write!(formatter, "{}.{continuity:x}", self.conn_id)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pid_is_read_as_it_was_written() {
        let pid = Pid {
            conn_id: ConnId::random(),
            continuity: Continuity::random(),
        };
        assert_eq!(Pid::parse(&pid.to_string()), Some(pid));
        for text in ["", ".", "x.1", &format!("{}.", pid.conn_id)] {
            assert_eq!(Pid::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_client_says_when_it_connects_takes_precedence() {
        let (first, second) = (ConnId::random(), ConnId::random());
        let query = Identification {
            conn_id: Some(first),
            wants_offsets: true,
            ..Identification::default()
        };
        let same = query.with_auth(&Value::Null);
        assert_eq!((same.conn_id, same.wants_offsets), (Some(first), true));
        let other = query.with_auth(&json!({"conn_id": second.to_string(), "offsets": false}));
        assert_eq!((other.conn_id, other.wants_offsets), (Some(second), false));
        let pid = Pid {
            conn_id: second,
            continuity: Continuity::from(7),
        };
        // A pid of another connection has no effect.
        let pid = json!({"pid": pid.to_string()});
        let foreign = query.with_auth(&pid);
        assert_eq!(foreign.conn_id, Some(first));
        assert_eq!(foreign.returning(first).continuity, None);
        let alone = Identification::default().with_auth(&pid);
        assert_eq!(alone.conn_id, Some(second));
        assert_eq!(
            alone.returning(second).continuity,
            Some(Continuity::from(7))
        );
    }
}
