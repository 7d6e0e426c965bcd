//! What clients know of logs, and what they report when they attach.

use std::collections::BTreeMap;

use channelstream_actors::position::{Epoch, Report};
use uuid::Uuid;

use crate::client::Known;
use crate::operation::Operation;
use crate::side::{Log, Side, channel_name};
use crate::step::Place;

/// The number of a log that was lost in a crash. Another log has its place among those of the same
/// name.
const LOST: usize = usize::MAX;

impl Side {
    /// Returns what a client reports as read.
    pub(crate) fn known(&self, connection: usize) -> Report {
        let known = self.clients[connection].known.borrow();
        known
            .iter()
            .map(|(epoch, offset)| (*epoch, *offset))
            .collect()
    }

    /// Records which connections an operation concerns.
    pub(crate) async fn touch(&mut self, operation: &Operation) {
        match operation {
            Operation::Connect { connection, .. }
            | Operation::Subscribe { connection, .. }
            | Operation::Unsubscribe { connection, .. }
            | Operation::Disconnect { connection }
            | Operation::Attach { connection, .. } => self.clients[*connection].touch(),
            Operation::Forget { channel } => {
                let name = channel_name(*channel);
                for (connection, log) in self.occupied_places().await {
                    if log == name.as_str() {
                        self.clients[connection].touch();
                    }
                }
            }
            _ => {}
        }
    }

    /// Numbers the logs after a crash as the other broker does, on which the lost logs never
    /// existed.
    pub(crate) fn count_logs_as(&mut self, other: &Self) {
        let before = std::mem::take(&mut self.logs);
        let counted = other.logs.iter().map(|(name, (_, former))| {
            let id = before.get(name).map_or(Uuid::nil(), |(id, _)| *id);
            (name.clone(), (id, *former))
        });
        self.logs = counted.collect();
        for log in self.epochs.values_mut() {
            let present = self.logs.get(&log.name);
            if present.is_none_or(|(_, former)| log.former > *former) {
                log.former = LOST;
            }
        }
    }

    /// Returns what a client has read since the last call: the log, the offset, and whether it
    /// replaces what the client knew of another epoch of the log.
    pub(crate) fn take_read(&mut self, connection: usize) -> Vec<(Log, u64, bool)> {
        let mut read = Vec::new();
        for batch in self.clients[connection].take_read() {
            let Some(log) = self.epochs.get(&batch.epoch) else {
                continue;
            };
            let is_all = self.forget_others(connection, &log.name, Some(batch.epoch));
            // The client has now forgotten what it read before of another log of this name.
            read.retain(|(other, ..): &(Log, u64, bool)| other == log || other.name != log.name);
            read.push((log.clone(), batch.last, is_all));
        }
        read
    }

    /// Makes a client forget what it knows of logs of this name in other epochs. Returns whether it
    /// knew any of them.
    pub(crate) fn forget_others(
        &self,
        connection: usize,
        name: &str,
        present: Option<Epoch>,
    ) -> bool {
        let is_other = |epoch: &Epoch| {
            let log = self.epochs.get(epoch);
            Some(*epoch) != present && log.is_some_and(|log| log.name == name)
        };
        let mut known = self.clients[connection].known.borrow_mut();
        let before = known.len();
        known.retain(|epoch, _| !is_other(epoch));
        known.len() < before
    }

    /// Records that a client knows a log up to this offset. A higher offset that the client knows
    /// stays, unless `is_all` is set. Returns false if the log's epoch is not known.
    pub(crate) fn set_known(
        &mut self,
        connection: usize,
        log: &Log,
        (offset, is_all): (u64, bool),
    ) -> bool {
        let epoch = self.epoch(log);
        if let Some(epoch) = epoch {
            let mut known = self.clients[connection].known.borrow_mut();
            let present = known.entry(epoch).or_default();
            *present = if is_all { offset } else { offset.max(*present) };
        }
        epoch.is_some()
    }

    /// Makes a client forget what it knows of a log.
    pub(crate) fn forget(&mut self, connection: usize, log: &Log) {
        let mut known = self.clients[connection].known.borrow_mut();
        known.retain(|epoch, _| self.epochs.get(epoch) != Some(log));
    }

    /// Returns the logs that a report names, with their offsets.
    pub(crate) fn places(&self, report: &Report) -> Vec<(Place, u64)> {
        let place = |epoch: Epoch| match self.epochs.get(&epoch) {
            Some(log) if log.former != LOST => Place::Log(log.clone()),
            _ => Place::Gone(epoch),
        };
        let places = report.iter();
        places
            .map(|(epoch, offset)| (place(*epoch), *offset))
            .collect()
    }

    /// Returns whether a report names a log in its present epoch.
    pub(crate) fn names_now(&self, report: &Report, name: &str) -> bool {
        let Some(log) = self.log(name) else {
            return false;
        };
        let present = self.epoch(&log);
        report.iter().any(|(epoch, _)| Some(*epoch) == present)
    }

    /// Returns the report of a client, in the epochs of this broker.
    pub(crate) fn report(&self, places: &[(Place, u64)]) -> Report {
        let position = |(place, offset): &(Place, u64)| match place {
            Place::Log(log) => self.epoch(log).map(|epoch| (epoch, *offset)),
            Place::Gone(epoch) => Some((*epoch, *offset)),
        };
        places.iter().filter_map(position).collect()
    }

    /// Gives a client what it knew before a crash, if the logs still exist. `ends` are the latest
    /// offsets of the logs. Returns the logs of which the client knows more than was kept, and
    /// those that it cannot name on this broker.
    pub(crate) fn take_knowledge(
        &mut self,
        connection: usize,
        before: &Self,
        ends: &BTreeMap<String, u64>,
    ) -> (Vec<(String, u64)>, Vec<Log>) {
        let (mut known_lost, mut unnamed) = (Vec::new(), Vec::new());
        let mut now = Known::new();
        for (epoch, offset) in before.known(connection).iter().copied() {
            let log = before.epochs.get(&epoch).unwrap();
            if self.log(&log.name).as_ref() != Some(log) {
                let former = Log {
                    former: LOST,
                    ..log.clone()
                };
                self.epochs.insert(epoch, former);
                now.insert(epoch, offset);
            } else if let Some(present) = self.epoch(log) {
                let end = ends.get(&log.name).copied().unwrap_or_default();
                if offset > end {
                    known_lost.push((log.name.clone(), offset));
                }
                now.insert(present, offset.min(end));
            } else {
                unnamed.push(log.clone());
            }
        }
        *self.clients[connection].known.borrow_mut() = now;
        (known_lost, unnamed)
    }
}
