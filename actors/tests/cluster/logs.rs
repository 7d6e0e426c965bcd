//! The scripts about logs.

use channelstream_actors::core::record::FormerEpochs;
use channelstream_actors::name::ChannelName;
use channelstream_actors::position::{Epoch, Position};

use crate::mutation::Mutation;
use crate::redis::{Fed, Log, Redis};

impl Redis {
    pub(crate) fn end_of(&mut self, channel: &ChannelName) -> Position {
        self.touch(channel);
        let log = &self.logs[channel];
        (log.epoch, log.end())
    }

    /// Makes a log, or begins a new epoch of a log that was last written in another term.
    pub(crate) fn touch(&mut self, channel: &ChannelName) {
        let numbers = &mut self.numbers;
        let is_reused = self.mutation == Some(Mutation::LivesBeginAgain);
        let mut next = || {
            numbers.lives += 1;
            Epoch::from(numbers.lives)
        };
        let (term, lost_in) = (self.term, self.lost_in);
        let Some(log) = self.logs.get_mut(channel) else {
            let epoch = if is_reused { Epoch::from(0) } else { next() };
            let log = Log {
                epoch,
                whole_since: epoch,
                former: Vec::new(),
                start: 0,
                entries: Vec::new(),
                term,
                lost_in,
            };
            self.logs.insert(channel.clone(), log);
            return;
        };
        if log.term != term || log.lost_in != lost_in {
            log.term = term;
            if self.mutation == Some(Mutation::NoRenewal) {
                return;
            }
            if self.mutation == Some(Mutation::OneFormer) {
                log.former.clear();
            }
            log.former.push(FormerEpochs {
                first: log.epoch,
                count: 1,
                end: log.end(),
            });
            log.epoch = next();
            if log.lost_in != lost_in {
                (log.lost_in, log.whole_since) = (lost_in, log.epoch);
            }
        }
    }

    pub(crate) fn append(&mut self, channel: &ChannelName, message: u64) {
        self.touch(channel);
        let log = self.logs.get_mut(channel).unwrap();
        log.entries.push(message);
        let position = (log.epoch, log.end());
        let channel = channel.clone();
        self.feed(Fed::Appended {
            channel,
            position,
            message,
        });
    }
}
