//! A node's answerability for one turn of a connection.
//!
//! A session knows what it wants to be true in Redis, and what Redis has confirmed. It asks for one
//! call after the other until both agree. So a call whose answer is lost is simply asked for again,
//! and after a loss in Redis the session writes its record anew.
//!
//! A session that hears of a later turn has nothing more to do than to end its transport and to
//! report: from the moment at which the later turn was taken, its node answers for the connection.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::{Call, FeedId, Read, Record, Turn};
use crate::core::cluster::effect::Effect;
use crate::core::cluster::fed::Fed;
use crate::core::cluster::left::LeftChannels;
use crate::name::{ConnId, LogName, UserName};
use crate::position::{Continuity, Position};

/// A node's answerability for one turn of a connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Session {
    conn_id: ConnId,
    /// The record as this session wants it.
    record: Record,
    /// Whether the connection is to end.
    is_ending: bool,
    /// Whether Redis has no record of the connection, or a later turn has its record.
    is_over: bool,
    /// Whether Redis may have lost the record.
    is_doubtful: bool,
    /// Whether Redis has confirmed that the client counts as present.
    is_here: bool,
    transport: TransportState,
    /// The offsets up to which other nodes may have sent entries to the client.
    ends: BTreeMap<LogName, u64>,
    /// The logs in which no transport has begun since the connection took its place.
    new: BTreeSet<LogName>,
    /// Whether the turn counts as open, until its transport reports.
    is_open: bool,
    /// The last entry of the feed that the record has. Earlier ones are ignored.
    heard: FeedId,
    /// The last entry of the feed that says that the application was heard from.
    app_heard: FeedId,
    left: LeftChannels,
}

/// The transport of a session.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum TransportState {
    /// There is none, or it has ended.
    None,
    /// It waits for [`Session::begin`], and for the reports of the transports of these turns, but
    /// for the reports not for long.
    Waits {
        turns: BTreeSet<Turn>,
        may_begin: bool,
    },
    /// It is attached to the logs.
    Listens,
    /// It was a long-poll, which was answered. Whether its client has read the answer is not known
    /// before the client polls again.
    IsAnswered,
}

impl Session {
    /// Creates the session of a transport that has taken a turn. `since` is the entry of the feed
    /// that tells of it. [`Session::begin`] must follow.
    pub fn of_transport(
        conn_id: ConnId,
        record: Record,
        ends: BTreeMap<LogName, u64>,
        new: BTreeSet<LogName>,
        since: FeedId,
    ) -> Self {
        let mut others = record.open.clone();
        others.remove(&record.turn);
        Self {
            transport: TransportState::Waits {
                turns: others.into_keys().collect(),
                may_begin: false,
            },
            ends,
            new,
            is_open: true,
            ..Self::of_connect(conn_id, record, since)
        }
    }

    /// Creates the session of a connection whose client does not listen. Its timers run.
    pub fn of_connect(conn_id: ConnId, record: Record, since: FeedId) -> Self {
        Self {
            conn_id,
            is_here: record.is_here,
            record,
            is_ending: false,
            is_over: false,
            is_doubtful: false,
            transport: TransportState::None,
            ends: BTreeMap::new(),
            new: BTreeSet::new(),
            is_open: false,
            heard: since,
            app_heard: FeedId::default(),
            left: LeftChannels::default(),
        }
    }

    /// Returns the turn.
    pub fn turn(&self) -> Turn {
        self.record.turn
    }

    /// Returns the owner of the connection.
    pub fn user(&self) -> &UserName {
        &self.record.user
    }

    /// Returns the continuity of the transport.
    pub fn continuity(&self) -> Continuity {
        self.record.continuity
    }

    /// Begins another continuity, because the client has missed something.
    pub fn break_continuity<E>(&mut self) -> Call<E> {
        self.record.continuity = self.record.continuity.next();
        Call::Break {
            conn_id: self.conn_id,
            turn: self.record.turn,
            continuity: self.record.continuity,
        }
    }

    /// Returns the logs in which the connection has a place.
    pub fn logs(&self) -> impl Iterator<Item = &LogName> {
        self.record.read.keys()
    }

    /// Returns the next call that the session needs; `None` while Redis has confirmed everything.
    pub fn next_call<E>(&self) -> Option<Call<E>> {
        let (conn_id, turn) = (self.conn_id, self.record.turn);
        if self.is_open && self.transport == TransportState::None {
            let read = self.record.read.clone();
            Some(Call::Report {
                conn_id,
                turn,
                read,
                has_ended: true,
            })
        } else if self.is_over {
            None
        } else if self.is_ending {
            Some(Call::End {
                conn_id,
                turn: Some(turn),
            })
        } else if self.is_doubtful {
            Some(Call::Renew {
                conn_id,
                record: self.confirmed(),
                left: self.left.all().clone(),
                heard: self.heard,
            })
        } else if self.is_here && !self.record.is_here {
            let heard = Some(self.app_heard);
            Some(Call::Leave {
                conn_id,
                turn,
                heard,
            })
        } else {
            None
        }
    }

    /// Returns the record as Redis has last confirmed it.
    fn confirmed(&self) -> Record {
        let own = self.is_open.then_some((self.record.turn, self.record.node));
        Record {
            is_here: self.is_here,
            open: own.into_iter().collect(),
            ..self.record.clone()
        }
    }

    /// Notes the answer to a call of this session.
    pub fn answered<E>(&mut self, call: &Call<E>, answer: &Answer<E>) -> Vec<Effect> {
        match (call, answer) {
            (Call::Report { has_ended, .. }, _) => self.is_open &= !has_ended,
            (Call::End { .. }, Answer::Done) | (_, Answer::Later(_) | Answer::Unknown) => {
                return self.stop();
            }
            (Call::Renew { record, heard, .. }, Answer::Renewed { read, fed }) => {
                // In a term that began after the call was made, Redis may not know what the node
                // has learnt in between.
                self.is_doubtful = heard.0 < self.heard.0;
                // The application may have been heard from since the call was made.
                self.is_here |= record.is_here;
                let mut effects = Vec::new();
                for (log, place) in read {
                    if !self.left.has_left_after(log, *fed) {
                        effects.extend(self.subscribed(log, *place));
                    }
                }
                return effects;
            }
            // What the application has said since the call was made is later in Redis too.
            (Call::Leave { heard, .. }, Answer::Done) if *heard == Some(self.app_heard) => {
                self.is_here = false;
            }
            _ => {}
        }
        Vec::new()
    }

    /// Notes an entry of the feed. The entries that the node reads between the call that takes a
    /// turn and its answer must be noted too, once the session exists.
    pub fn read_feed<E>(&mut self, id: FeedId, fed: &Fed<E>) -> Vec<Effect> {
        if id <= self.heard {
            return Vec::new();
        }
        self.heard = id;
        match fed {
            Fed::Fenced { .. } => self.is_doubtful = true,
            Fed::Taken { conn_id, turn, .. }
                if *conn_id == self.conn_id && *turn > self.record.turn =>
            {
                return self.stop();
            }
            Fed::Reported {
                conn_id,
                turn,
                read,
            } if *conn_id == self.conn_id && *turn >= self.record.born => {
                self.merge(read);
                if let TransportState::Waits { turns, .. } = &mut self.transport {
                    turns.remove(turn);
                }
                return self.begin_if_ready();
            }
            Fed::Subscribed {
                conn_id,
                turn,
                log,
                place,
            } if *conn_id == self.conn_id && *turn >= self.record.born => {
                return self.subscribed(log, *place);
            }
            Fed::Unsubscribed { conn_id, turn, log }
                if *conn_id == self.conn_id && *turn >= self.record.born =>
            {
                return self.unsubscribed(id, log);
            }
            Fed::Heard { conn_id, turn }
                if *conn_id == self.conn_id && *turn >= self.record.born =>
            {
                (self.is_here, self.record.is_here, self.app_heard) = (true, true, id);
                if self.is_deserted() {
                    return vec![Effect::StartTimers];
                }
            }
            Fed::Ended { conn_id, turn }
                if *conn_id == self.conn_id && *turn >= self.record.turn =>
            {
                return self.stop();
            }
            _ => {}
        }
        Vec::new()
    }

    /// Notes that the node has read the feed as far as it was when the turn was taken. Attaches the
    /// transport if it need not wait any more.
    pub fn begin(&mut self) -> Vec<Effect> {
        if let TransportState::Waits { may_begin, .. } = &mut self.transport {
            *may_begin = true;
        }
        self.begin_if_ready()
    }

    fn begin_if_ready(&mut self) -> Vec<Effect> {
        match &self.transport {
            TransportState::Waits { turns, may_begin } if turns.is_empty() && *may_begin => {}
            _ => return Vec::new(),
        }
        self.transport = TransportState::Listens;
        let attach = |(log, position): (&LogName, &Position)| Effect::Attach {
            log: log.clone(),
            position: *position,
            missed_up_to: self.ends.get(log).copied().unwrap_or_default(),
            is_new: self.new.contains(log),
        };
        self.record.read.iter().map(attach).collect()
    }

    /// Notes that the transport has waited long enough for the reports of others.
    pub fn waited(&mut self) -> Vec<Effect> {
        if let TransportState::Waits { turns, .. } = &mut self.transport {
            turns.clear();
        }
        self.begin_if_ready()
    }

    fn unsubscribed(&mut self, id: FeedId, log: &LogName) -> Vec<Effect> {
        self.left.leave(log, id);
        if self.record.read.remove(log).is_none() || self.transport != TransportState::Listens {
            return Vec::new();
        }
        let log = log.clone();
        vec![Effect::Detach { log }]
    }

    fn subscribed(&mut self, log: &LogName, place: Position) -> Vec<Effect> {
        self.left.join(log);
        if self.record.read.contains_key(log) {
            return Vec::new();
        }
        self.record.read.insert(log.clone(), place);
        if self.transport != TransportState::Listens {
            return Vec::new();
        }
        vec![Effect::Attach {
            log: log.clone(),
            position: place,
            missed_up_to: place.1,
            is_new: true,
        }]
    }

    /// Ends the transport, because this node does not answer for the connection any more.
    fn stop(&mut self) -> Vec<Effect> {
        self.is_over = true;
        if self.transport == TransportState::None {
            Vec::new()
        } else {
            vec![Effect::Shut]
        }
    }

    /// Notes that the transport has ended, and up to where its client has read for certain.
    pub fn lost(&mut self, read: &Read) -> Vec<Effect> {
        self.transport = TransportState::None;
        self.merge(read);
        vec![Effect::StartTimers]
    }

    /// Notes up to where the client has read for certain, while its transport goes on. Returns what
    /// of it is news.
    pub fn confirm(&mut self, mut read: Read) -> Read {
        let known = &self.record.read;
        read.retain(|log, position| known.get(log).is_some_and(|known| *position > *known));
        self.merge(&read);
        read
    }

    /// Notes that the transport was a long-poll and was answered.
    pub fn was_answered(&mut self) -> Vec<Effect> {
        self.transport = TransportState::IsAnswered;
        vec![Effect::StartTimers]
    }

    /// Returns whether no client listens.
    fn is_deserted(&self) -> bool {
        matches!(
            self.transport,
            TransportState::None | TransportState::IsAnswered
        )
    }

    fn merge(&mut self, read: &Read) {
        for (log, position) in read {
            if let Some(known) = self.record.read.get_mut(log)
                && *position > *known
            {
                *known = *position;
            }
        }
    }

    /// Notes that the client has been away for so long that it counts as absent.
    pub fn absent(&mut self) {
        self.record.is_here &= !self.is_deserted();
    }

    /// Notes that the client has been away for so long that its connection ends.
    pub fn expired(&mut self) {
        self.is_ending |= self.is_deserted();
    }

    /// Notes that the client is not heard from although its transport is open, so that its
    /// connection ends.
    pub fn silent(&mut self) {
        self.is_ending = true;
    }

    /// Returns whether the node has nothing left to do for this turn.
    pub fn is_over(&self) -> bool {
        self.is_over && self.transport == TransportState::None && !self.is_open
    }

    /// Returns whether the session must still report that its transport has ended.
    pub fn has_report(&self) -> bool {
        self.is_open
    }

    /// Returns whether the node does not answer for the connection any more.
    pub fn is_ending_transport(&self) -> bool {
        self.is_over
    }

    /// Returns the turns for whose reports the transport waits.
    pub fn waits_for(&self) -> impl Iterator<Item = Turn> {
        let turns = match &self.transport {
            TransportState::Waits { turns, .. } => Some(turns),
            _ => None,
        };
        turns.into_iter().flatten().copied()
    }

    /// Returns whether the transport waits for the reports of others.
    pub fn is_waiting(&self) -> bool {
        !self.is_over && matches!(self.transport, TransportState::Waits { .. })
    }

    /// Returns whether the timers of the session may still change something.
    pub fn has_timers(&self) -> bool {
        !self.is_over && !self.is_ending && self.is_deserted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::cluster::call::{NodeId, Term};

    fn record(open: impl IntoIterator<Item = (Turn, NodeId)>) -> Record {
        let user = UserName::new("alice");
        Record {
            node: NodeId(1),
            turn: Turn(2),
            born: Turn(1),
            continuity: Continuity::random(),
            is_here: true,
            read: [(LogName::User(user.clone()), (1.into(), 0))].into(),
            open: open.into_iter().collect(),
            user,
        }
    }

    #[test]
    fn a_transport_does_not_begin_before_its_node_is_ready_although_all_others_have_reported() {
        let conn_id = ConnId::random();
        let record = record([(Turn(1), NodeId(2)), (Turn(2), NodeId(1))]);
        let log = LogName::User(record.user.clone());
        let (ends, new) = (BTreeMap::new(), BTreeSet::new());
        let mut session = Session::of_transport(conn_id, record, ends, new, FeedId::default());
        let reported: Fed<()> = Fed::Reported {
            conn_id,
            turn: Turn(1),
            read: Read::new(),
        };
        assert_eq!(session.read_feed((Term(1), 1), &reported), []);
        assert!(session.is_waiting());
        let effects = session.begin();
        assert!(matches!(&effects[..], [Effect::Attach { log: it, .. }] if *it == log));
    }

    #[test]
    fn a_record_is_renewed_again_if_a_term_began_while_it_was_on_its_way() {
        let (conn_id, since) = (ConnId::random(), (Term(1), 1));
        let mut session = Session::of_connect(conn_id, record([]), since);
        let fenced = |term: u64| Fed::<()>::Fenced {
            kept: (Term(term - 1), 9),
        };
        session.read_feed((Term(2), 1), &fenced(2));
        let early: Call<()> = session.next_call().unwrap();
        session.read_feed((Term(3), 1), &fenced(3));
        let late: Call<()> = session.next_call().unwrap();
        for (call, is_done) in [(early, false), (late, true)] {
            let renewed = Answer::Renewed {
                read: Read::new(),
                fed: (Term(3), 2),
            };
            session.answered(&call, &renewed);
            let next: Option<Call<()>> = session.next_call();
            assert_eq!(next.is_none(), is_done, "{next:?}");
        }
    }
}
