//! Finds the session of a client that polls. A poll names its session by `sid`, and may arrive on
//! any thread.

use std::collections::HashMap;

use actix::prelude::*;

use crate::transport::socket_io::messages::SessionAddress;

/// The most sessions whose clients have not connected to a namespace yet. More are refused, so that
/// clients who only begin sessions cannot fill the memory.
const MOST_UNCONNECTED: usize = 20_000;

/// The actor that knows all sessions of clients that poll. The server has one, which starts when it
/// is first asked for.
#[derive(Debug, Default)]
pub(super) struct SessionTable {
    sessions: HashMap<String, Entry>,
    /// The number of sessions whose clients have not connected to a namespace yet.
    unconnected: usize,
}

#[derive(Debug)]
struct Entry {
    session: SessionAddress,
    is_connected: bool,
}

/// Adds a session. The answer is `None` if there are too many whose clients have not connected yet.
#[derive(Message)]
#[rtype(result = "Option<Registration>")]
pub(super) struct Register {
    pub(super) sid: String,
    pub(super) session: SessionAddress,
}

/// Asks for the session with this id.
#[derive(Message)]
#[rtype(result = "Option<SessionAddress>")]
pub(super) struct Find(pub(super) String);

/// Notes that the client of a session has connected to a namespace.
#[derive(Message)]
#[rtype(result = "()")]
struct NoteConnected(String);

/// Removes a session.
#[derive(Message)]
#[rtype(result = "()")]
struct Remove(String);

/// The entry of a session, which is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Registration {
    sid: String,
    table: Addr<SessionTable>,
}

impl Registration {
    /// Returns the id of the session.
    pub(super) fn sid(&self) -> &str {
        &self.sid
    }

    /// Notes that the client has connected to a namespace.
    #[expect(
        clippy::disallowed_methods,
        reason = "one message in a session's life, which must arrive"
    )]
    pub(super) fn note_connected(&self) {
        self.table.do_send(NoteConnected(self.sid.clone()));
    }
}

impl Drop for Registration {
    #[expect(
        clippy::disallowed_methods,
        reason = "one message at the end of a session's life, which must arrive"
    )]
    fn drop(&mut self) {
        self.table.do_send(Remove(std::mem::take(&mut self.sid)));
    }
}

impl Actor for SessionTable {
    type Context = Context<Self>;
}

impl Supervised for SessionTable {}

impl SystemService for SessionTable {}

impl Handler<Register> for SessionTable {
    type Result = Option<Registration>;

    fn handle(&mut self, register: Register, context: &mut Context<Self>) -> Self::Result {
        if self.unconnected >= MOST_UNCONNECTED {
            return None;
        }
        self.unconnected += 1;
        let Register { sid, session } = register;
        let entry = Entry {
            session,
            is_connected: false,
        };
        self.sessions.insert(sid.clone(), entry);
        Some(Registration {
            sid,
            table: context.address(),
        })
    }
}

impl Handler<Find> for SessionTable {
    type Result = Option<SessionAddress>;

    fn handle(&mut self, Find(sid): Find, _: &mut Context<Self>) -> Self::Result {
        Some(self.sessions.get(&sid)?.session.clone())
    }
}

impl Handler<NoteConnected> for SessionTable {
    type Result = ();

    fn handle(&mut self, NoteConnected(sid): NoteConnected, _: &mut Context<Self>) {
        if let Some(entry) = self.sessions.get_mut(&sid)
            && !entry.is_connected
        {
            entry.is_connected = true;
            self.unconnected -= 1;
        }
    }
}

impl Handler<Remove> for SessionTable {
    type Result = ();

    fn handle(&mut self, Remove(sid): Remove, _: &mut Context<Self>) {
        if let Some(entry) = self.sessions.remove(&sid)
            && !entry.is_connected
        {
            self.unconnected -= 1;
        }
        if self.sessions.is_empty() {
            self.sessions.shrink_to_fit();
        }
    }
}
