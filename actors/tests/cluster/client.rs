//! A client, with what it has received.

use std::collections::{BTreeMap, BTreeSet};

use channelstream_actors::core::cluster::call::{NodeId, Record, Turn};
use channelstream_actors::name::{ConnId, LogName, UserName};

use crate::content::EVENTS;
use crate::redis::{Log, Redis};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Client {
    pub(crate) conn_id: ConnId,
    pub(crate) user: UserName,
    /// The number of its latest transport.
    pub(crate) attempt: u8,
    /// The node to which it opened that transport.
    pub(crate) node: usize,
    /// The first turn of its connection. What arrives on a transport of an earlier connection with
    /// the same id, for an earlier page, does not count for the present one.
    born: Turn,
    /// Whether that transport is open, as far as it knows.
    pub(crate) is_open: bool,
    /// The node that has stopped and has told it to come back.
    pub(crate) returns_from: Option<NodeId>,
    /// Whether the other nodes wait for it then.
    pub(crate) is_awaited: bool,
    /// Whether its application has connected it, as far as it knows.
    pub(crate) is_known: bool,
    /// The offset at which its place in each channel began.
    pub(crate) places: BTreeMap<LogName, u64>,
    pub(crate) got: BTreeSet<u64>,
    /// The channels that it has left, and where their logs ended then.
    left: BTreeMap<LogName, u64>,
    /// Whether Redis has lost something. A message that was delivered, and lost before its caller
    /// was answered, is then posted and delivered again.
    pub(crate) may_repeat: bool,
    /// The messages that were accepted for it, and that it has not received. A gap that it is told
    /// of excuses all of its channel.
    pub(crate) owed: BTreeSet<(LogName, u64)>,
    /// The offset up to which it was told that entries are missing.
    pub(crate) excused: BTreeMap<LogName, u64>,
}

impl Client {
    pub(crate) fn new(conn_id: ConnId, user: UserName) -> Self {
        Self {
            conn_id,
            user,
            attempt: 0,
            node: 0,
            born: Turn(0),
            is_open: false,
            returns_from: None,
            is_awaited: false,
            is_known: false,
            places: BTreeMap::new(),
            got: BTreeSet::new(),
            left: BTreeMap::new(),
            may_repeat: false,
            owed: BTreeSet::new(),
            excused: BTreeMap::new(),
        }
    }

    /// Returns its user and the number of its connection.
    pub(crate) fn name(&self) -> String {
        let number = self.conn_id.to_string();
        format!("{}-{}", self.user.as_str(), &number[number.len() - 1..])
    }

    /// Returns whether the client listens on this transport.
    pub(crate) fn is_on(&self, attempt: u8) -> bool {
        self.is_open && self.attempt == attempt
    }

    /// Opens a transport at a node. Returns its number.
    pub(crate) fn open(&mut self, node: usize) -> u8 {
        self.attempt += 1;
        (self.is_open, self.node, self.returns_from) = (true, node, None);
        self.attempt
    }

    /// Goes away, and does not come back by itself.
    pub(crate) fn leave(&mut self) {
        (self.is_open, self.returns_from) = (false, None);
    }

    /// Is told by a node that stops to open another transport, on one of a connection with this
    /// first turn.
    pub(crate) fn is_told_to_return(
        &mut self,
        attempt: u8,
        born: Turn,
        from: NodeId,
        is_awaited: bool,
    ) {
        if self.is_on(attempt) && born >= self.born {
            (self.returns_from, self.is_awaited) = (Some(from), is_awaited);
        }
    }

    /// Ends a transport.
    pub(crate) fn lose(&mut self, attempt: u8) {
        if self.attempt == attempt {
            self.is_open = false;
        }
    }

    /// Learns that its connection does not exist. It connects again through its application.
    pub(crate) fn forget(&mut self, attempt: u8) {
        if self.is_on(attempt) {
            (self.is_open, self.is_known) = (false, false);
        }
    }

    /// Begins anew at these positions: its application has connected it, and nothing is owed from
    /// before.
    pub(crate) fn begin_anew(&mut self, record: &Record) {
        let place = |(channel, position): (&LogName, &(_, u64))| (channel.clone(), position.1);
        self.born = record.born;
        self.places = record.read.iter().map(place).collect();
        self.got.clear();
        self.left.clear();
        self.owed.clear();
        self.excused.clear();
    }

    /// Notes that it was subscribed to a channel whose log ends here. Nothing earlier is for it.
    pub(crate) fn subscribed(&mut self, channel: LogName, end: u64) {
        self.left.remove(&channel);
        self.owed.retain(|(owed, _)| *owed != channel);
        self.places.insert(channel, end);
    }

    /// Notes that it has left a channel whose log ends here. Nothing later is for it.
    pub(crate) fn unsubscribed(&mut self, channel: &LogName, end: u64) {
        self.places.remove(channel);
        self.excused.remove(channel);
        self.owed.retain(|(owed, _)| owed != channel);
        self.left.insert(channel.clone(), end);
    }

    /// Notes that Redis has lost entries. New ones will have their offsets.
    pub(crate) fn loses_data(&mut self, redis: &Redis) {
        self.may_repeat = true;
        let record = redis.records.get(&self.conn_id);
        self.born = record.map_or(Turn(0), |record| record.born);
        for (channel, offset) in self.places.iter_mut().chain(&mut self.excused) {
            *offset = (*offset).min(redis.logs.get(channel).map_or(0, Log::end));
        }
    }

    /// Notes that a message was accepted, which is at this offset.
    pub(crate) fn is_owed(&mut self, channel: &LogName, message: u64, offset: u64, redis: &Redis) {
        let record = redis.records.get(&self.conn_id);
        let place = self.places.get(channel);
        if record.is_some_and(|it| it.born == self.born && it.read.contains_key(channel))
            && place.is_some_and(|place| offset > *place)
            && !self.got.contains(&message)
        {
            self.owed.insert((channel.clone(), message));
        }
    }

    pub(crate) fn gap(&mut self, channel: &LogName, offset: u64) {
        let excused = self.excused.entry(channel.clone()).or_default();
        *excused = offset.max(*excused);
        self.owed.retain(|(owed, _)| owed != channel);
    }

    pub(crate) fn receive(
        &mut self,
        channel: &LogName,
        message: u64,
        offset: u64,
        is_marked: bool,
        born: Turn,
    ) -> Result<(), String> {
        if born < self.born {
            return Ok(());
        }
        if self.left.get(channel).is_some_and(|end| offset > *end) && !self.may_repeat {
            let name = self.name();
            return Err(format!(
                "{name} got message {message} of a channel that it has left"
            ));
        }
        self.owed.remove(&(channel.clone(), message));
        let is_again = message < EVENTS && !self.got.insert(message);
        if is_again && !is_marked && !self.may_repeat {
            return Err(format!(
                "{} got message {message} of {channel} at {offset} twice without a mark",
                self.name()
            ));
        }
        Ok(())
    }
}
