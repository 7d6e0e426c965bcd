//! The scripts about logs.

use channelstream_actors::core::record::FormerEpochs;
use channelstream_actors::name::ChannelName;
use channelstream_actors::position::{Epoch, Position};
use channelstream_actors::protocol::config::ChannelConfig;

use crate::mutation::Mutation;
use crate::redis::{Answer, Fed, Log, Redis};

/// The number of former epochs that a log remembers.
const REMEMBERED: usize = 8;

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
                config: ChannelConfig {
                    notify_presence: self.tells_presence,
                    ..ChannelConfig::default()
                },
                history: Vec::new(),
                is_new: true,
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
            let forgotten = log.former.len().saturating_sub(REMEMBERED);
            log.former.drain(..forgotten);
            log.epoch = next();
            if log.lost_in != lost_in {
                (log.lost_in, log.whole_since) = (lost_in, log.epoch);
            }
        }
    }

    pub(crate) fn configure(
        &mut self,
        channel: &ChannelName,
        config: &ChannelConfig,
        is_for_new: bool,
    ) -> Answer {
        self.touch(channel);
        let log = self.logs.get_mut(channel).unwrap();
        if log.is_new || !is_for_new {
            log.is_new = false;
            log.config = config.clone();
            self.feed(Fed::Configured {
                channel: channel.clone(),
                config: config.clone(),
            });
        }
        Answer::Done
    }

    pub(crate) fn post(
        &mut self,
        channel: &ChannelName,
        message: u64,
        is_for_history: bool,
    ) -> Answer {
        if !self.logs.contains_key(channel) {
            // Nobody listens to a channel that does not exist.
            return Answer::Done;
        }
        self.append(channel, message);
        let log = self.logs.get_mut(channel).unwrap();
        if is_for_history && log.config.store_history {
            log.history.push(message);
            let size = usize::try_from(log.config.history_size).unwrap();
            let beyond = log.history.len().saturating_sub(size);
            log.history.drain(..beyond);
        }
        Answer::Posted { fed: self.fed() }
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
