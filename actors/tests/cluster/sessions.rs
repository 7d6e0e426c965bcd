//! The scripts for sessions of Socket.IO clients that poll. The model has no clock: nothing
//! expires, and no ping is due.

use channelstream_actors::core::cluster::answer::{Held, HeldState};
use channelstream_actors::core::cluster::call::{SessionChange, SessionName, Term, Turn};
use channelstream_actors::name::ConnId;

use crate::redis::{Answer, Fed, Redis};

/// A session, as Redis keeps it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum PollSession {
    /// The client has connected to a namespace for a connection.
    Connected {
        conn_id: ConnId,
        content: u64,
        /// The latest turn of the session, and the term in which it was taken.
        turn: (Term, Turn),
    },
    Over,
}

impl Redis {
    pub(crate) fn hold(&mut self, session: &SessionName) -> Answer {
        let packets = self.packets.remove(session).unwrap_or_default();
        self.held(session, packets)
    }

    pub(crate) fn tell_session(&mut self, session: &SessionName, packets: &[u64]) -> Answer {
        if self.sessions.get(session) != Some(&PollSession::Over) {
            self.let_wait(session, packets);
        }
        self.held(session, Vec::new())
    }

    pub(crate) fn keep(
        &mut self,
        session: &SessionName,
        change: &SessionChange<u64>,
        packets: &[u64],
    ) -> Answer {
        let kept = match (self.sessions.get(session), change) {
            (None, SessionChange::Connected { conn_id, content }) => {
                let record = self.records.get(conn_id);
                PollSession::Connected {
                    conn_id: *conn_id,
                    content: *content,
                    turn: (self.term, record.map_or(Turn(0), |record| record.turn)),
                }
            }
            (
                Some(PollSession::Connected { conn_id, turn, .. }),
                SessionChange::Changed { content },
            ) => PollSession::Connected {
                conn_id: *conn_id,
                content: *content,
                turn: *turn,
            },
            (None | Some(PollSession::Connected { .. }), SessionChange::Over) => PollSession::Over,
            _ => return Answer::Changed,
        };
        self.sessions.insert(session.clone(), kept);
        if packets.is_empty() && *change == SessionChange::Over {
            self.tell_of(session);
        }
        self.let_wait(session, packets);
        Answer::Done
    }

    /// Returns why a session does not go on with a turn of its connection, if it does not.
    pub(crate) fn goes_on(&self, conn_id: ConnId, session: Option<&SessionName>) -> Option<Answer> {
        let (session, record) = (session?, self.records.get(&conn_id)?);
        let last = match self.sessions.get(session) {
            Some(PollSession::Connected { turn, .. }) => Some(*turn),
            _ => None,
        };
        let goes_on = last.is_some_and(|(term, turn)| term != self.term || turn == record.turn);
        (!goes_on).then_some(Answer::Later(record.turn))
    }

    /// Notes the latest turn of a connection as one of a session.
    pub(crate) fn note_turn(&mut self, conn_id: ConnId, session: Option<&SessionName>) {
        let latest = self.records.get(&conn_id).map(|record| record.turn);
        let known = session.and_then(|session| self.sessions.get_mut(session));
        if let (Some(latest), Some(PollSession::Connected { turn, .. })) = (latest, known) {
            *turn = (self.term, latest);
        }
    }

    fn let_wait(&mut self, session: &SessionName, packets: &[u64]) {
        if !packets.is_empty() {
            let waiting = self.packets.entry(session.clone()).or_default();
            waiting.extend(packets);
            self.tell_of(session);
        }
    }

    fn tell_of(&mut self, session: &SessionName) {
        self.feed(Fed::Told {
            session: session.clone(),
        });
    }

    fn held(&self, session: &SessionName, packets: Vec<u64>) -> Answer {
        let (content, state) = match self.sessions.get(session) {
            Some(PollSession::Connected {
                conn_id,
                content,
                turn: (term, turn),
            }) => {
                let state = match self.records.get(conn_id) {
                    None if self.disconnected.contains(conn_id) => HeldState::Disconnected,
                    Some(record) if *term == self.term && record.turn != *turn => {
                        HeldState::Replaced
                    }
                    _ => HeldState::Open,
                };
                (Some(*content), state)
            }
            Some(PollSession::Over) => (None, HeldState::Over),
            None => (None, HeldState::Open),
        };
        Answer::Held(Held {
            content,
            packets,
            state,
            wait: 0,
        })
    }
}
