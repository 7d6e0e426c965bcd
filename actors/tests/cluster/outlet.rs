//! The transports of a node's clients.

use std::collections::BTreeMap;

use channelstream_actors::core::cluster::call::{Read, Term, Turn};
use channelstream_actors::core::log::Located;
use channelstream_actors::core::record::LogState;
use channelstream_actors::name::LogName;
use channelstream_actors::position::Position;

use crate::client::Client;
use crate::mutation::Mutation;
use crate::node::{Key, Node};

/// A transport.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Outlet {
    pub(crate) client: usize,
    /// The first turn of its connection.
    pub(crate) born: Turn,
    pub(crate) attempt: u8,
    pub(crate) poll: Poll,
    pub(crate) places: BTreeMap<LogName, OutletPlace>,
    pub(crate) confirmed: Read,
}

/// Whether a transport is a long-poll, and how far it has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Poll {
    /// It is no long-poll.
    No,
    Waits,
    /// The answer is on its way to the client.
    IsAnswered,
    /// The client has received the answer.
    HasArrived,
}

/// A transport's place in a log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct OutletPlace {
    pub(crate) position: Position,
    /// The offset up to which entries are marked as caught up.
    pub(crate) missed_up_to: u64,
    /// The end of the node's copy at the first delivery, for a planted fault.
    pub(crate) seen_end: Option<u64>,
    /// What is on its way to the client.
    pub(crate) sent: Vec<Sent>,
}

/// Something on its way to a client.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Sent {
    /// Entries up to this offset are gone.
    Gap(u64),
    Entry {
        message: u64,
        offset: u64,
        is_marked: bool,
    },
}

impl Node {
    /// Notes that a transport has ended.
    pub(crate) fn lose(&mut self, key: Key, clients: &mut [Client]) {
        let Some(outlet) = self.outlets.remove(&key) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&key) else {
            return;
        };
        let is_presumed = self.mutation == Some(Mutation::PresumeAnswer);
        let read = if self.mutation == Some(Mutation::ReportSent)
            || (outlet.poll == Poll::IsAnswered && is_presumed)
        {
            let places = outlet.places.iter();
            places
                .map(|(name, place)| (name.clone(), place.position))
                .collect()
        } else {
            outlet.confirmed
        };
        let effects = session.lost(&read);
        self.carry_out(key, effects, clients);
    }

    /// Notes the transports whose clients have gone.
    pub(crate) fn notice_lost_sockets(&mut self, clients: &mut [Client]) {
        let is_lost =
            |outlet: &Outlet| outlet.is_open() && !clients[outlet.client].is_on(outlet.attempt);
        let lost: Vec<Key> = self
            .outlets
            .iter()
            .filter(|(_, outlet)| is_lost(outlet))
            .map(|(key, _)| *key)
            .collect();
        for key in lost {
            self.lose(key, clients);
        }
    }

    /// Sends everything that the node's copies of the logs have for its transports.
    pub(crate) fn deliver(&mut self, clients: &mut [Client]) -> Result<(), String> {
        let read_to = if self.mutation == Some(Mutation::AheadOfFeed) {
            (Term(u64::MAX), 0)
        } else {
            self.read_to
        };
        let mut answered = Vec::new();
        for (key, outlet) in &mut self.outlets {
            if !outlet.is_open() {
                continue;
            }
            for (channel, place) in &mut outlet.places {
                if let Some((follower, entries)) = self.copies.get(channel)
                    && let Some(log) = follower.log(read_to)
                {
                    let located = follower.locate(place.position);
                    place.send(log, located, entries, self.mutation);
                }
            }
            if outlet.poll == Poll::Waits && outlet.is_arriving() {
                outlet.poll = Poll::IsAnswered;
                answered.push(*key);
            }
            if self.is_instant {
                outlet.arrive(&mut clients[outlet.client])?;
            }
        }
        for key in answered {
            if let Some(session) = self.sessions.get_mut(&key) {
                let effects = session.was_answered();
                self.carry_out(key, effects, clients);
            }
        }
        Ok(())
    }
}

impl Outlet {
    /// Lets everything that was sent arrive. The client confirms it.
    pub(crate) fn arrive(&mut self, client: &mut Client) -> Result<(), String> {
        for (channel, place) in &mut self.places {
            for sent in place.sent.drain(..) {
                match sent {
                    Sent::Gap(offset) => client.gap(channel, offset),
                    Sent::Entry {
                        message,
                        offset,
                        is_marked,
                    } => client.receive(channel, message, offset, is_marked, self.born)?,
                }
            }
            self.confirmed.insert(channel.clone(), place.position);
        }
        if self.poll == Poll::IsAnswered {
            self.poll = Poll::HasArrived;
            client.is_open = false;
        }
        Ok(())
    }

    /// Returns whether the node may still send something.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.poll, Poll::No | Poll::Waits)
    }

    /// Returns whether something was sent and has not arrived.
    pub(crate) fn is_arriving(&self) -> bool {
        self.places.values().any(|place| !place.sent.is_empty())
    }
}

impl OutletPlace {
    /// Sends the entries after the position of the client.
    fn send(
        &mut self,
        log: &LogState,
        located: Option<Located>,
        entries: &[u64],
        mutation: Option<Mutation>,
    ) {
        let LogState {
            epoch, start, end, ..
        } = *log;
        let offset = match located {
            Some(Located::Here(offset) | Located::Before(offset)) if offset >= start => offset,
            located => {
                let offset = match located {
                    Some(Located::Beyond(offset)) => offset,
                    _ => start,
                };
                self.sent.push(Sent::Gap(offset));
                offset
            }
        };
        if offset > end {
            // The copy has not come as far as the client yet.
            return;
        }
        let missed_up_to = match mutation {
            Some(Mutation::MarkOwnCopy) => *self.seen_end.get_or_insert(end),
            _ => self.missed_up_to,
        };
        let first = usize::try_from(offset - start).unwrap();
        for (offset, message) in (offset + 1..).zip(&entries[first..]) {
            self.sent.push(Sent::Entry {
                message: *message,
                offset,
                is_marked: offset <= missed_up_to,
            });
        }
        self.position = (epoch, end);
    }
}
