//! The scripts about logs.

use channelstream_actors::core::record::{FormerEpochs, LogState};
use channelstream_actors::name::{LogName, MessageId};
use channelstream_actors::position::{Epoch, Position};
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::store::redis::encoding::Limits;

use crate::content::EMPTIED;
use crate::mutation::Mutation;
use crate::redis::{Answer, Fed, Item, Loaded, Log, Redis};
use crate::texts::item_size;

/// The number of former epochs that a log remembers.
const REMEMBERED: usize = 8;

/// The most items that are dropped when one is appended.
const MOST_DROPPED: usize = 32;

impl Redis {
    pub(crate) fn end_of(&mut self, name: &LogName) -> Position {
        self.touch(name);
        let log = &self.logs[name];
        (log.epoch, log.end())
    }

    /// Makes a log, or begins a new epoch of a log that was last written in another term.
    pub(crate) fn touch(&mut self, name: &LogName) {
        let numbers = &mut self.numbers;
        let is_reused = self.mutation == Some(Mutation::LivesBeginAgain);
        let mut next = || {
            numbers.lives += 1;
            Epoch::from(numbers.lives)
        };
        let (term, lost_in) = (self.term, self.lost_in);
        let Some(log) = self.logs.get_mut(name) else {
            let epoch = if is_reused { Epoch::from(0) } else { next() };
            let log = Log {
                epoch,
                whole_since: epoch,
                origin: epoch,
                revision: 0,
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
            self.logs.insert(name.clone(), log);
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
        name: &LogName,
        config: &ChannelConfig,
        is_for_new: bool,
    ) -> Answer {
        self.touch(name);
        let log = self.logs.get_mut(name).unwrap();
        if log.is_new || !is_for_new {
            log.is_new = false;
            log.config = config.clone();
            self.feed(Fed::Configured {
                log: name.clone(),
                config: config.clone(),
            });
        }
        Answer::Done
    }

    pub(crate) fn post(
        &mut self,
        name: &LogName,
        message: u64,
        is_for_history: bool,
        once: Option<MessageId>,
    ) -> Answer {
        if !self.logs.contains_key(name) {
            // Nobody listens to a log that does not exist.
            return Answer::Done;
        }
        if once.is_none_or(|id| self.once.insert((id, name.clone()))) {
            self.append(name, message, is_for_history);
        }
        Answer::Posted { fed: self.fed() }
    }

    pub(crate) fn rewrite(
        &mut self,
        name: &LogName,
        offset: Option<u64>,
        seen: u64,
        message: Option<u64>,
        event: u64,
    ) -> Answer {
        match self.logs.get(name) {
            None => return Answer::Done,
            Some(log) if offset.is_some() && log.revision != seen => return Answer::Changed,
            Some(_) => self.touch(name),
        }
        let log = self.logs.get_mut(name).unwrap();
        log.revision = log.end() + 1;
        if let Some(offset) = offset {
            let items = log.entries.iter_mut().chain(&mut log.history);
            for item in items.filter(|item| item.offset == offset) {
                item.content = message.unwrap_or(EMPTIED);
            }
            if message.is_none() {
                log.history.retain(|item| item.offset != offset);
            }
        }
        self.append(name, event, false);
        Answer::Posted { fed: self.fed() }
    }

    pub(crate) fn append(&mut self, name: &LogName, content: u64, is_for_history: bool) {
        self.touch(name);
        let log = self.logs.get_mut(name).unwrap();
        let item = Item {
            offset: log.end() + 1,
            at: 0,
            is_kept: log.config.store_frames,
            is_in_history: is_for_history && log.config.store_history,
            content,
        };
        log.entries.push(item.clone());
        if let Some(limits) = &self.limits {
            log.drop_oldest(limits);
        }
        if item.is_in_history {
            log.store(item.clone(), self.limits.as_ref());
        }
        let epoch = log.epoch;
        self.feed(Fed::Appended {
            log: name.clone(),
            epoch,
            item,
        });
    }

    pub(crate) fn load(&mut self, name: &LogName) -> Answer {
        self.touch(name);
        let log = &self.logs[name];
        Answer::Loaded(Loaded {
            log: LogState {
                epoch: log.epoch,
                former: log.former.clone(),
                start: log.start,
                end: log.end(),
            },
            whole_since: log.whole_since,
            origin: log.origin,
            revision: log.revision,
            last_active: 0,
            entries: log.entries.clone(),
            config: log.config.clone(),
            history: log.history.clone(),
            members: self.members(name),
            user: match name {
                LogName::User(user) => self.look_up(user),
                LogName::Channel(_) => None,
            },
            fed: self.fed(),
        })
    }

    /// Forgets a log in which no connection has a place.
    pub(crate) fn forget(&mut self, name: &LogName) -> Answer {
        if self.has_connections(name) {
            return Answer::InUse;
        }
        self.logs.remove(name);
        if let LogName::User(user) = name {
            self.users.remove(user);
        }
        self.feed(Fed::Forgotten { log: name.clone() });
        Answer::Done
    }

    pub(crate) fn has_connections(&self, name: &LogName) -> bool {
        let mut records = self.records.values();
        records.any(|it| it.read.contains_key(name))
    }
}

impl Log {
    pub(crate) fn end(&self) -> u64 {
        self.start + self.entries.len() as u64
    }

    /// Returns whether the log has a message.
    pub(crate) fn has(&self, message: u64) -> bool {
        self.entries.iter().any(|item| item.content == message)
    }

    /// Drops the oldest items that need not stay. None is ever too old, since the model has no
    /// clock.
    fn drop_oldest(&mut self, limits: &Limits) {
        for _ in 0..MOST_DROPPED {
            let count = self.entries.len();
            let is_long = count > limits.log_length;
            if !is_long && (count <= 1 || size(&self.entries) <= limits.log_bytes) {
                break;
            }
            self.entries.remove(0);
            self.start += 1;
        }
    }

    /// Stores an item in the history.
    fn store(&mut self, item: Item, limits: Option<&Limits>) {
        self.history.push(item);
        let most = usize::try_from(self.config.history_size).unwrap();
        let beyond = self.history.len().saturating_sub(most);
        self.history.drain(..beyond);
        while limits.is_some_and(|limits| size(&self.history) > limits.history_bytes) {
            self.history.remove(0);
        }
    }
}

/// Returns the number of bytes of items in Redis.
fn size(items: &[Item]) -> usize {
    items.iter().map(item_size).sum()
}
