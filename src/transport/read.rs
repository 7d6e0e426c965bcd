//! How far a client has read, log by log.

use channelstream_actors::outlet::Frames;
use channelstream_actors::position::{Epoch, Report};

/// What was handed to a socket, and what of it is known to have arrived.
#[derive(Debug, Default)]
pub struct ReadSoFar {
    logs: Vec<Log>,
    /// Where the last frames were found: most come from the log of those before.
    latest: usize,
    /// Events since the last question.
    unasked: u64,
}

#[derive(Debug)]
struct Log {
    epoch: Epoch,
    /// Handed to the socket.
    sent: u64,
    /// Handed to it before the question that is not answered yet.
    asked: u64,
    /// Known to have arrived.
    confirmed: u64,
}

impl ReadSoFar {
    /// These frames were handed to the socket.
    pub fn sent(&mut self, frames: &Frames) {
        self.unasked += frames.count;
        if let Some(log) = self
            .logs
            .get_mut(self.latest)
            .filter(|log| log.epoch == frames.epoch)
        {
            log.sent = frames.last;
            return;
        }
        match self.logs.iter().position(|log| log.epoch == frames.epoch) {
            Some(index) => {
                self.latest = index;
                if let Some(log) = self.logs.get_mut(index) {
                    log.sent = frames.last;
                }
            }
            None => {
                self.latest = self.logs.len();
                let Frames {
                    epoch, after, last, ..
                } = *frames;
                self.logs.push(Log {
                    epoch,
                    sent: last,
                    asked: after,
                    confirmed: after,
                });
            }
        }
    }

    /// How many events were sent since the last question.
    pub fn unasked(&self) -> u64 {
        self.unasked
    }

    /// Whether all that was sent is known to have arrived.
    pub fn is_confirmed(&self) -> bool {
        self.logs.iter().all(|log| log.sent == log.confirmed)
    }

    /// A question follows what was sent so far.
    pub fn ask(&mut self) {
        self.unasked = 0;
        for log in &mut self.logs {
            log.asked = log.sent;
        }
    }

    /// The question was answered: what was sent before it has arrived.
    pub fn answered(&mut self) {
        for log in &mut self.logs {
            log.confirmed = log.asked;
        }
    }

    /// All that was sent.
    pub fn all(&self) -> Report {
        self.logs.iter().map(|log| (log.epoch, log.sent)).collect()
    }

    /// What is known to have arrived.
    pub fn confirmed(&self) -> Report {
        self.logs
            .iter()
            .map(|log| (log.epoch, log.confirmed))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use channelstream_actors::list::List;

    use super::*;

    fn frames(epoch: Epoch, after: u64, last: u64) -> Frames {
        Frames {
            epoch,
            after,
            last,
            count: last - after,
            messages: last - after,
            list: List::new("[]"),
        }
    }

    #[test]
    fn only_what_was_sent_before_an_answered_question_is_confirmed() {
        let (a, b) = (Epoch::random(), Epoch::random());
        let mut read = ReadSoFar::default();
        read.sent(&frames(a, 5, 7));
        read.ask();
        read.sent(&frames(b, 0, 1));
        read.sent(&frames(a, 7, 9));
        assert_eq!(*read.confirmed(), [(a, 5), (b, 0)]);
        read.answered();
        assert_eq!(*read.confirmed(), [(a, 7), (b, 0)]);
        assert_eq!(*read.all(), [(a, 9), (b, 1)]);
        assert!(!read.is_confirmed());
    }
}
