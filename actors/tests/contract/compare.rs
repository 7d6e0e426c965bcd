//! The comparison of both brokers after each step: what must be equal, and what must differ.

use std::collections::BTreeSet;

use crate::normal::difference;
use crate::operation::{CONNECTIONS, Operation};
use crate::side::{Delivered, Shown};
use crate::step::Step;
use crate::world::{Checked, Read, World};

impl World {
    /// Compares what both brokers show and have sent after a step.
    pub(crate) async fn compare(&mut self, mut step: Step, says: &Read) -> Checked {
        let (memory, file) = (self.memory.read_shown().await, self.file.read_shown().await);
        for connection in 0..CONNECTIONS {
            let begins = match &step.operation {
                Operation::Attach {
                    connection: its, ..
                } => (*its == connection).then_some(says),
                _ => None,
            };
            if self.compare_sent(connection, begins)? {
                step.absent.push(connection);
            }
        }
        self.steps.push(step);
        self.gaps.keep(&self.memory.occupied_places().await);
        agree(&memory, &file)
    }

    /// Compares what a client was sent, and records what it has read. Returns whether its transport
    /// was lost, so that the client counts as absent.
    pub(crate) fn compare_sent(
        &mut self,
        connection: usize,
        begins: Option<&Read>,
    ) -> Checked<bool> {
        self.compare_delivered(connection, begins)
            .map_err(|error| format!("connection {connection}: {error}"))?;
        self.note_read(connection);
        Ok(self.note_ends(connection))
    }

    fn compare_delivered(&mut self, connection: usize, begins: Option<&Read>) -> Checked {
        let memory = self.memory.take_delivered(connection);
        let file = self.file.take_delivered(connection);
        // The number of batches may differ: it depends on what was sent to others before.
        let entries = |all: &[Delivered]| -> Vec<(String, String)> {
            let entries = all.iter().filter(|sent| !sent.is_gap);
            let with_log = |sent: &Delivered| -> Vec<_> {
                let events = sent.events.iter();
                events
                    .map(|event| (sent.log.clone(), event.clone()))
                    .collect()
            };
            entries.flat_map(with_log).collect()
        };
        let (in_memory, in_file) = (entries(&memory), entries(&file));
        if in_memory != in_file {
            return Err(format!(
                "what was sent differs\nmemory: {in_memory:#?}\nfile: {in_file:#?}"
            ));
        }
        self.compare_gaps(connection, &memory, &file, begins)?;
        for sent in &file {
            let known_lost = self.gaps.known_lost(connection, &sent.log);
            let is_again =
                !sent.is_gap && known_lost.is_some_and(|known_lost| sent.after < Some(known_lost));
            self.counts.offsets_again += usize::from(is_again);
            self.check_order(connection, sent)?;
        }
        Ok(())
    }

    /// Checks the gaps of one client. The file store's broker must send the gaps that the memory
    /// broker sends, and those that the client is owed since a crash, one for each log.
    fn compare_gaps(
        &mut self,
        connection: usize,
        memory: &[Delivered],
        file: &[Delivered],
        begins: Option<&Read>,
    ) -> Checked {
        let gaps = |all: &[Delivered]| -> Vec<String> {
            all.iter()
                .filter(|sent| sent.is_gap)
                .map(|sent| sent.log.clone())
                .collect()
        };
        let (in_memory, in_file) = (gaps(memory), gaps(file));
        let mut logs: BTreeSet<String> = in_memory.iter().chain(&in_file).cloned().collect();
        if begins.is_some() && self.file.clients[connection].has_begun() {
            logs.extend(self.gaps.owed(connection));
        }
        for log in logs {
            let count = |gaps: &[String]| gaps.iter().filter(|name| **name == log).count();
            let (expected, found) = (count(&in_memory), count(&in_file));
            let mut is_right = found == expected;
            // The store keeps a client's position without the entries whose route excludes the
            // client. Short logs may have dropped such entries, which makes a gap.
            is_right |= self.setup.is_short && self.counts.crashes > 0 && found == 1;
            if let Some(says) = begins {
                let is_named = self.file.names_now(&says.file, &log);
                let is_known_lost = self.gaps.known_lost(connection, &log).is_some()
                    && !says.file.is_empty()
                    && !is_named;
                if self.gaps.is_owed(connection, &log) || is_known_lost {
                    is_right = found == 1;
                    self.counts.owed_gaps += found;
                } else if is_named && !self.memory.names_now(&says.memory, &log) {
                    // This client has read a gap in that log, so it can report more than the memory
                    // broker's client.
                    is_right |= found == 0;
                }
            }
            if !is_right {
                return Err(format!(
                    "{log}: {found} gaps, but {expected} in memory; owed: {}",
                    self.gaps.is_owed(connection, &log)
                ));
            }
        }
        for sent in file.iter().filter(|sent| sent.is_gap) {
            self.counts.gaps += 1;
            self.gaps
                .sent(connection, &sent.log, (sent.epoch, sent.last));
        }
        Ok(())
    }

    /// Checks that each entry comes once and in order, and that a repeat is marked.
    fn check_order(&mut self, connection: usize, sent: &Delivered) -> Checked {
        let order = &mut self.order[connection];
        let before = order.sent.insert(sent.epoch, sent.last);
        if before.is_some_and(|before| sent.after < Some(before)) {
            return Err(format!("sent again: {sent:?}"));
        }
        for event in &sent.raw {
            let is_marked = event["catchup"] == true;
            let kind = event["type"].as_str().unwrap_or_default();
            let is_once = matches!(kind, "message" | "presence" | "user_state_change");
            let is_new = order
                .events
                .insert((sent.epoch, format!("{kind} {}", event["uuid"])));
            if is_once && !is_new && !is_marked {
                return Err(format!("sent twice without a mark: {event}"));
            }
            self.counts.events += 1;
            self.counts.catch_ups += usize::from(is_marked);
            self.counts.repeats += usize::from(is_once && !is_new);
        }
        Ok(())
    }

    /// Records what a client has read of a log. It replaces what the client knew of the log in
    /// other epochs.
    fn note_read(&mut self, connection: usize) {
        let memory = self.memory.take_read(connection);
        for (log, last, is_all) in self.file.take_read(connection) {
            self.gaps.clear_known_lost(connection, &log.name);
            let in_memory = self.memory.epoch(&log);
            self.memory.forget_others(connection, &log.name, in_memory);
            // One client may have read a gap, or may be sent more that is not for it. A log that
            // only one of the two clients can name is forgotten by both.
            if !self.memory.set_known(connection, &log, (last, is_all)) {
                self.file.forget(connection, &log);
            }
        }
        for (log, last, _) in memory {
            self.file.set_known(connection, &log, (last, false));
        }
    }

    /// Returns whether a transport was lost, so that its client counts as absent.
    fn note_ends(&mut self, connection: usize) -> bool {
        let mut in_memory = self.memory.clients[connection].take_ends().into_iter();
        let mut is_lost = false;
        for ended in self.file.clients[connection].take_ends() {
            let memory = in_memory.next().and_then(|ended| ended.presumed);
            is_lost |= ended.is_lost;
            self.counts.end(&ended);
            let report = ended.report.unwrap_or_default();
            self.counts.gaps_read += self.gaps.read(connection, &report);
            self.presumed[connection] = ended.presumed.map(|file| Read {
                memory: memory.unwrap_or_default(),
                file,
            });
        }
        is_lost && self.setup.parts_at_once
    }
}

/// Checks that both brokers show the same information.
pub(crate) fn agree(memory: &Shown, file: &Shown) -> Checked {
    if memory.normal == file.normal {
        return Ok(());
    }
    Err(format!(
        "the brokers show different information\n{}",
        difference(&memory.normal, &file.normal)
    ))
}
