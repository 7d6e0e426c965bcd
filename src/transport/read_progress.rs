//! Tracks the entries that a transport's client was sent and has read, for each log.

use std::collections::VecDeque;

use channelstream_actors::outlet::{Batch, Trail};
use channelstream_actors::position::{Epoch, Position, Report};

/// The offsets that were handed to a socket, and the offsets that are known to have arrived.
///
/// A transport that can ask its client what it has read calls [`ask`](Self::ask) when it sends the
/// question, and [`confirm`](Self::confirm) when the answer arrives.
#[derive(Debug, Default)]
pub(super) struct ReadProgress {
    /// One item for each log that batches came from: at most the client's channels and its private
    /// log, in the order of their first batches.
    logs: Vec<LogProgress>,
    /// The index of the log that the last batch came from. The next batch usually comes from the
    /// same log.
    latest: usize,
    /// The number of events that were sent since the last question.
    unasked: u64,
    /// The batches that were sent and are not confirmed. `None` if the client does not say which
    /// batch it has received last.
    unconfirmed: Option<Box<Unconfirmed>>,
}

/// The most batches that a trail remembers. A client that has received an older one last is sent
/// some entries again, which are marked.
const LONGEST_TRAIL: usize = 256;

/// The positions behind the batches that were sent and are not confirmed, in order.
#[derive(Debug, Default)]
struct Unconfirmed {
    sent: VecDeque<Position>,
    /// The number of batches that were sent before the latest question.
    asked: usize,
}

/// The offsets in one log. The client has every entry up to `confirmed`. Two of them are `None` if
/// the client has no position before the first batch.
#[derive(Debug)]
struct LogProgress {
    epoch: Epoch,
    /// The last offset that was handed to the socket.
    sent: u64,
    /// The last offset that was handed to the socket before the latest question.
    asked: Option<u64>,
    /// The last offset that is known to have arrived.
    confirmed: Option<u64>,
}

impl ReadProgress {
    /// Notes that a batch was handed to the socket.
    pub(super) fn add_sent(&mut self, batch: &Batch) {
        self.unasked += batch.count;
        if let Some(unconfirmed) = &mut self.unconfirmed {
            unconfirmed.push((batch.epoch, batch.last));
        }
        if let Some(log) = self.logs.get_mut(self.latest)
            && log.epoch == batch.epoch
        {
            log.sent = batch.last;
            return;
        }
        let mut logs = self.logs.iter_mut().enumerate();
        match logs.find(|(_, log)| log.epoch == batch.epoch) {
            Some((index, log)) => {
                log.sent = batch.last;
                self.latest = index;
            }
            None => {
                self.latest = self.logs.len();
                self.logs.push(LogProgress {
                    epoch: batch.epoch,
                    sent: batch.last,
                    asked: batch.after,
                    confirmed: batch.after,
                });
            }
        }
    }

    /// Returns the number of events that were sent since the last question.
    pub(super) fn unasked(&self) -> u64 {
        self.unasked
    }

    /// Returns whether everything that was sent is known to have arrived.
    pub(super) fn is_confirmed(&self) -> bool {
        self.logs.iter().all(|log| Some(log.sent) == log.confirmed)
    }

    /// Notes that a question was sent. It asks for everything that was sent before.
    pub(super) fn ask(&mut self) {
        self.unasked = 0;
        if let Some(unconfirmed) = &mut self.unconfirmed {
            unconfirmed.asked = unconfirmed.sent.len();
        }
        for log in &mut self.logs {
            log.asked = Some(log.sent);
        }
    }

    /// Notes that the question was answered. Everything that was sent before the question has
    /// arrived.
    pub(super) fn confirm(&mut self) {
        for log in &mut self.logs {
            log.confirmed = log.asked;
        }
        if let Some(unconfirmed) = &mut self.unconfirmed {
            unconfirmed
                .sent
                .drain(..std::mem::take(&mut unconfirmed.asked));
        }
    }

    /// Returns the last offset of each log that the client was sent.
    pub(super) fn sent(&self) -> Report {
        self.logs.iter().map(|log| (log.epoch, log.sent)).collect()
    }

    /// Returns the last offset of each log that the client is known to have read.
    pub(super) fn confirmed(&self) -> Report {
        let confirmed = |log: &LogProgress| Some((log.epoch, log.confirmed?));
        self.logs.iter().filter_map(confirmed).collect()
    }

    /// Keeps a trail from now on, for a client that says which batch it has received last.
    pub(super) fn keep_trail(&mut self) {
        self.unconfirmed = Some(Box::default());
    }

    /// Returns the trail; it is empty if none is kept.
    pub(super) fn trail(&self) -> Trail {
        let sent = self
            .unconfirmed
            .iter()
            .flat_map(|unconfirmed| &unconfirmed.sent);
        sent.copied().collect()
    }
}

impl Unconfirmed {
    fn push(&mut self, position: Position) {
        if self.sent.len() == LONGEST_TRAIL {
            self.sent.pop_front();
            self.asked = self.asked.saturating_sub(1);
        }
        self.sent.push_back(position);
    }
}

#[cfg(test)]
mod tests {
    use channelstream_actors::list::List;

    use super::*;

    fn batch(epoch: Epoch, after: u64, last: u64) -> Batch {
        Batch {
            epoch,
            after: Some(after),
            last,
            count: last - after,
            messages: last - after,
            list: List::new("[]"),
        }
    }

    #[test]
    fn an_answer_confirms_only_what_was_sent_before_its_question() {
        let (a, b) = (Epoch::random(), Epoch::random());
        let mut read = ReadProgress::default();
        read.add_sent(&batch(a, 5, 7));
        read.ask();
        read.add_sent(&batch(b, 0, 1));
        read.add_sent(&batch(a, 7, 9));
        assert_eq!(*read.confirmed(), [(a, 5), (b, 0)]);
        read.confirm();
        assert_eq!(*read.confirmed(), [(a, 7), (b, 0)]);
        assert_eq!(*read.sent(), [(a, 9), (b, 1)]);
        assert!(!read.is_confirmed());
    }

    #[test]
    fn a_trail_has_the_latest_batches_that_are_not_confirmed() {
        let epoch = Epoch::random();
        let mut read = ReadProgress::default();
        read.add_sent(&batch(epoch, 0, 1));
        assert!(read.trail().is_empty());
        read.keep_trail();
        for last in 1..=400 {
            read.add_sent(&batch(epoch, last - 1, last));
            if last == 300 {
                read.ask();
            }
        }
        let lasts = |read: &ReadProgress| -> Vec<u64> {
            read.trail().iter().map(|(_, last)| *last).collect()
        };
        assert_eq!(lasts(&read), (145..=400).collect::<Vec<_>>());
        read.confirm();
        assert_eq!(lasts(&read), (301..=400).collect::<Vec<_>>());
    }
}
