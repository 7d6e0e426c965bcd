//! Random calls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use channelstream_actors::core::cluster::call::{
    FeedId, NodeId, PollTimes, Read, SessionChange, SessionName, Turn,
};
use channelstream_actors::name::{ConnId, LogName, MessageId, UserName};
use channelstream_actors::position::{Continuity, Epoch};
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::store::redis::encoding::Limits;
use uuid::Uuid;

use super::scripts::Pair;
use crate::content::{Event, STATES};
use crate::random::Random;
use crate::redis::Call;
use crate::world::{channel, other_channel};

/// The names of the users.
pub(crate) const USERS: [&str; 2] = ["a", "bb"];

/// The number of connections.
pub(crate) const CONNECTIONS: usize = 4;

/// Returns all logs.
pub(crate) fn all_logs() -> [LogName; 4] {
    let [first, second] = USERS.map(|user| UserName::new(user).into());
    [channel(), other_channel(), first, second]
}

/// Returns limits that some sequences reach.
pub(crate) fn any_limits(random: &mut Random) -> Limits {
    Limits {
        log_length: 2 + random.below(50),
        log_bytes: 40 + random.below(3000),
        history_bytes: 40 + random.below(400),
        user_list: random.below(4),
        log_age: Duration::from_secs(1000),
        ..Limits::default()
    }
}

pub(crate) fn conn(index: usize) -> ConnId {
    Uuid::from_u128(index as u128 + 1).into()
}

fn any_key(random: &mut Random) -> String {
    format!("key{}", random.below(2))
}

fn any_session(random: &mut Random) -> SessionName {
    format!("session{}", random.below(4))
}

fn any_id(random: &mut Random) -> MessageId {
    Uuid::from_u128(random.below(4) as u128).into()
}

impl Pair {
    pub(crate) fn any_call(&mut self) -> Call {
        let conn_id = conn(self.random.below(CONNECTIONS));
        let highest = self.model.numbers.turns;
        let turn = Turn(highest.saturating_sub(self.random.below(5) as u64));
        match self.random.below(30) {
            0..3 => self.any_connect(conn_id),
            3 => {
                let log = self.any_channel();
                Call::Subscribe { conn_id, log }
            }
            4 => {
                let log = self.any_channel();
                Call::Unsubscribe { conn_id, log }
            }
            5..8 => Call::Take {
                conn_id,
                polls: self.random.below(2) == 0,
                continuity: self.any_continuity(),
                session: (self.random.below(3) == 0).then(|| any_session(&mut self.random)),
            },
            8 | 9 => Call::Report {
                conn_id,
                turn,
                read: self.any_read(),
                has_ended: self.random.below(2) == 0,
            },
            10 => Call::Leave {
                conn_id,
                turn,
                heard: (self.random.below(2) == 0).then(|| self.any_entry()),
            },
            11 => {
                let turn = (self.random.below(2) == 0).then_some(turn);
                Call::End { conn_id, turn }
            }
            12 | 13 => self.any_renewal(),
            14 => Call::Heard { conn_id },
            15 => Call::LookUp { conn_id },
            16 => {
                let user = self.any_user();
                Call::LookUpUser { user }
            }
            17..20 => self.any_state(),
            20 => self.any_call_of_nodes(),
            21 => {
                let log = self.any_log();
                Call::Load { log }
            }
            22 => {
                let log = self.any_log();
                Call::Forget { log }
            }
            23 | 24 => self.any_configuration(),
            25 | 26 => self.any_rewrite(),
            _ => {
                self.posted += 1;
                Call::Post {
                    log: self.any_log(),
                    message: self.posted,
                    is_for_history: self.random.below(4) > 0,
                    once: (self.random.below(3) == 0).then(|| any_id(&mut self.random)),
                }
            }
        }
    }

    fn any_channel(&mut self) -> LogName {
        all_logs()[self.random.below(2)].clone()
    }

    fn any_log(&mut self) -> LogName {
        let kinds = [0, 0, 0, 1, 1, 2, 3];
        all_logs()[kinds[self.random.below(kinds.len())]].clone()
    }

    fn any_user(&mut self) -> UserName {
        UserName::new(USERS[self.random.below(USERS.len())])
    }

    /// Returns a call that connects a user, mostly with its private log.
    fn any_connect(&mut self, conn_id: ConnId) -> Call {
        let user = self.any_user();
        let mut logs: BTreeSet<LogName> = match self.random.below(4) {
            0 => [].into(),
            1 => [channel()].into(),
            2 => [other_channel()].into(),
            _ => [channel(), other_channel()].into(),
        };
        if self.random.below(4) > 0 {
            logs.insert(user.clone().into());
        }
        Call::Connect {
            conn_id,
            user,
            logs,
        }
    }

    fn any_state(&mut self) -> Call {
        let user = self.any_user();
        let known = self.model.users.get(&user);
        let known = known.map_or(0, |user| user.version);
        let seen = if self.random.below(4) > 0 { known } else { 0 };
        let state = self.random.below(STATES as usize) as u64;
        let changed = self.random.below(STATES as usize) as u64;
        Call::SetUser {
            user,
            seen,
            state,
            changed: (self.random.below(3) > 0).then_some(changed),
        }
    }

    /// Returns the continuity of a record, or none.
    fn any_continuity(&mut self) -> Option<Continuity> {
        let back = self.random.below(CONNECTIONS);
        let record = self.model.records.values().nth(back)?;
        Some(record.continuity)
    }

    fn any_call_of_nodes(&mut self) -> Call {
        let node = NodeId(self.random.below(3) as u64);
        match self.random.below(16) {
            0 => Call::Declare {
                node,
                away: Duration::from_secs(self.random.below(2) as u64),
            },
            1 => Call::Lost,
            2 => Call::Beat {
                about: self.random.below(STATES as usize) as u64,
            },
            3 => Call::Names { cursor: 0 },
            4 => Call::Reach,
            5 => Call::Exist {
                logs: all_logs().into(),
            },
            6 => Call::Claim {
                key: any_key(&mut self.random),
                claim: self.random.below(STATES as usize) as u64,
            },
            7 => Call::Settle {
                key: any_key(&mut self.random),
                claim: (self.random.below(2) == 0).then_some(0),
            },
            8 => {
                let highest = self.model.numbers.turns;
                Call::Break {
                    conn_id: conn(self.random.below(CONNECTIONS)),
                    turn: Turn(highest.saturating_sub(self.random.below(4) as u64)),
                    continuity: Continuity::from(self.random.below(1000) as u64),
                }
            }
            9..12 => self.any_call_of_sessions(),
            _ => Call::List { node },
        }
    }

    fn any_call_of_sessions(&mut self) -> Call {
        let random = &mut self.random;
        let session = any_session(random);
        let content = random.below(STATES as usize) as u64;
        let packets = (0..random.below(3) as u64).collect();
        // No ping is ever due.
        let times = PollTimes {
            interval: 1_000_000,
            timeout: 1_000_000,
        };
        match random.below(4) {
            0 => Call::Hold { session, times },
            1 => Call::Tell {
                session,
                times,
                is_pong: random.below(2) == 0,
                packets,
            },
            _ => Call::Keep {
                session,
                times,
                change: match random.below(5) {
                    0 => SessionChange::Over,
                    1 => SessionChange::Changed { content },
                    _ => SessionChange::Connected {
                        conn_id: conn(random.below(CONNECTIONS)),
                        content,
                    },
                },
                packets,
            },
        }
    }

    fn any_configuration(&mut self) -> Call {
        let random = &mut self.random;
        let config = ChannelConfig {
            notify_presence: random.below(4) > 0,
            store_history: random.below(4) > 0,
            history_size: random.below(10) as u64,
            broadcast_presence_with_user_lists: random.below(2) == 0,
            notify_state: random.below(3) > 0,
            store_frames: random.below(3) > 0,
        };
        Call::Configure {
            log: self.any_channel(),
            config,
            is_for_new: self.random.below(2) == 0,
        }
    }

    /// Returns an edit or a deletion, mostly of an entry that is kept.
    fn any_rewrite(&mut self) -> Call {
        let name = self.any_log();
        let log = self.model.logs.get(&name);
        let (end, revision) = log.map_or((0, 0), |log| (log.end(), log.revision));
        let random = &mut self.random;
        let offset = (end + 1).saturating_sub(random.below(8) as u64);
        let (is_edit, is_known) = (random.below(2) == 0, random.below(5) > 0);
        self.posted += 1;
        let event = if is_edit {
            Event::Edit(self.posted)
        } else {
            Event::Deletion(self.posted)
        };
        Call::Rewrite {
            log: name,
            offset: (self.random.below(5) > 0).then_some(offset),
            seen: if is_known { revision } else { end },
            message: is_edit.then_some(self.posted * 10 % 1000),
            event: event.number(),
        }
    }

    fn any_read(&mut self) -> Read {
        let mut read = Read::new();
        for name in all_logs() {
            let epochs = self.model.numbers.lives;
            let epoch = epochs.saturating_sub(self.random.below(3) as u64);
            let offset = self.random.below(8) as u64;
            if self.random.below(3) > 0 {
                read.insert(name, (Epoch::from(epoch), offset));
            }
        }
        read
    }

    /// Returns the id of one of the last entries of the feed.
    fn any_entry(&mut self) -> FeedId {
        let back = self.random.below(12);
        let entry = self.model.feed.iter().rev().nth(back);
        entry.map_or_else(FeedId::default, |(id, _)| *id)
    }

    /// Returns the renewal of a record that was answered before, or of a similar one.
    fn any_renewal(&mut self) -> Call {
        if self.records.is_empty() {
            return Call::Beat { about: 0 };
        }
        let index = self.random.below(self.records.len());
        let (mut conn_id, mut record) = self.records[index].clone();
        if self.random.below(3) == 0 {
            // It is as if Redis had lost that there was a new connection, maybe of another user.
            conn_id = conn(self.random.below(CONNECTIONS));
            record.turn = Turn(self.model.numbers.turns);
            (record.user, record.born) = (self.any_user(), record.turn);
        }
        record.is_here = self.random.below(2) == 0;
        record.open.retain(|turn, _| *turn == record.turn);
        if self.random.below(2) == 0 {
            record.read.extend(self.any_read());
        }
        let mut left = BTreeMap::new();
        for name in all_logs() {
            if self.random.below(4) == 0 {
                record.read.remove(&name);
                left.insert(name, self.any_entry());
            }
        }
        let heard = self.any_entry();
        Call::Renew {
            conn_id,
            record,
            left,
            heard,
        }
    }
}
