//! Remembers the sessions that have ended early, so that a copy of the cookie has no value after
//! the operator signs out.

use std::collections::HashSet;

use actix::prelude::*;
use time::OffsetDateTime;
use uuid::Uuid;

/// The session of an operator who signed in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Session {
    /// The time at which the session ends, in seconds since 1970.
    pub(super) until: i64,
    /// The random id of the session.
    pub(super) id: Uuid,
}

/// Ends this session early.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub(super) struct EndSession(pub(super) Session);

/// Asks whether this session has ended early.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "bool")]
pub(super) struct HasSessionEnded(pub(super) Session);

/// The actor that remembers the sessions that have ended early. The server has one.
#[derive(Default)]
pub(super) struct EndedSessions {
    /// The sessions that have ended early, each until the time at which it would have ended. Only
    /// sessions that this server opened are added.
    ended: HashSet<Session>,
}

impl Actor for EndedSessions {
    type Context = Context<Self>;
}

impl Handler<EndSession> for EndedSessions {
    type Result = ();

    fn handle(&mut self, EndSession(session): EndSession, _: &mut Context<Self>) {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        self.ended.retain(|session| session.until > now);
        self.ended.insert(session);
    }
}

impl Handler<HasSessionEnded> for EndedSessions {
    type Result = bool;

    fn handle(&mut self, HasSessionEnded(session): HasSessionEnded, _: &mut Context<Self>) -> bool {
        self.ended.contains(&session)
    }
}
