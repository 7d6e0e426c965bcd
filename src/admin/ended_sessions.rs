//! Remembers which sessions have ended before their time, so that a copy of the cookie is worth
//! nothing after signing out.

use std::collections::HashSet;

use actix::prelude::*;
use time::OffsetDateTime;
use uuid::Uuid;

/// The session of somebody who signed in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Session {
    /// When it ends, in seconds since 1970.
    pub(super) until: i64,
    /// A random number.
    pub(super) id: Uuid,
}

/// Ends this session before its time.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub(super) struct End(pub(super) Session);

/// Asks whether this session has ended before its time.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "bool")]
pub(super) struct HasEnded(pub(super) Session);

/// One for the server.
#[derive(Default)]
pub(super) struct EndedSessions {
    /// Each until its time comes. Only sessions that were opened here get in.
    ended: HashSet<Session>,
}

impl Actor for EndedSessions {
    type Context = Context<Self>;
}

impl Handler<End> for EndedSessions {
    type Result = ();

    fn handle(&mut self, End(session): End, _: &mut Context<Self>) {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        self.ended.retain(|session| session.until > now);
        self.ended.insert(session);
    }
}

impl Handler<HasEnded> for EndedSessions {
    type Result = bool;

    fn handle(&mut self, HasEnded(session): HasEnded, _: &mut Context<Self>) -> bool {
        self.ended.contains(&session)
    }
}
