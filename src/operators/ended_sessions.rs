//! Remembers which sessions have ended before their time, so that a copy of the cookie is worth
//! nothing after signing out.

use std::collections::HashSet;

use actix::prelude::*;
use time::OffsetDateTime;
use uuid::Uuid;

/// The session of somebody who signed in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Session {
    /// When the session ends, in seconds since 1970.
    pub(super) until: i64,
    /// A random number that tells the session from others.
    pub(super) id: Uuid,
}

/// Ends this session before its time.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub(super) struct EndSession(pub(super) Session);

/// Asks whether this session has ended before its time.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "bool")]
pub(super) struct HasSessionEnded(pub(super) Session);

/// Remembers which sessions have ended before their time. There is one for the server.
#[derive(Default)]
pub(super) struct EndedSessions {
    /// The ended sessions, each until its time comes. Only sessions that this server opened are
    /// added.
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
