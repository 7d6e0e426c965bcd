//! Tracks the entries that a transport's client was sent and has read, for each log.

use channelstream_actors::outlet::Batch;
use channelstream_actors::position::{Epoch, Report};

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
}

/// The offsets in one log. The client has every entry up to `confirmed`.
#[derive(Debug)]
struct LogProgress {
    epoch: Epoch,
    /// The last offset that was handed to the socket.
    sent: u64,
    /// The last offset that was handed to the socket before the latest question.
    asked: u64,
    /// The last offset that is known to have arrived.
    confirmed: u64,
}

impl ReadProgress {
    /// Notes that a batch was handed to the socket.
    pub(super) fn add_sent(&mut self, batch: &Batch) {
        self.unasked += batch.count;
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
        self.logs.iter().all(|log| log.sent == log.confirmed)
    }

    /// Notes that a question was sent. It asks for everything that was sent before.
    pub(super) fn ask(&mut self) {
        self.unasked = 0;
        for log in &mut self.logs {
            log.asked = log.sent;
        }
    }

    /// Notes that the question was answered. Everything that was sent before the question has
    /// arrived.
    pub(super) fn confirm(&mut self) {
        for log in &mut self.logs {
            log.confirmed = log.asked;
        }
    }

    /// Returns the last offset of each log that the client was sent.
    pub(super) fn sent(&self) -> Report {
        self.logs.iter().map(|log| (log.epoch, log.sent)).collect()
    }

    /// Returns the last offset of each log that the client is known to have read.
    pub(super) fn confirmed(&self) -> Report {
        let confirmed = |log: &LogProgress| (log.epoch, log.confirmed);
        self.logs.iter().map(confirmed).collect()
    }
}

#[cfg(test)]
mod tests {
    use channelstream_actors::list::List;

    use super::*;

    fn batch(epoch: Epoch, after: u64, last: u64) -> Batch {
        Batch {
            epoch,
            after,
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
}
