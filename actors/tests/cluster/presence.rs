//! The parts of scripts about who is present.

use std::collections::BTreeMap;

use channelstream_actors::core::cluster::answer::Member;
use channelstream_actors::name::{ConnId, LogName, UserName};

use crate::content::Event;
use crate::redis::{Fed, Redis};

impl Redis {
    /// Makes a connection present or absent in all its channels.
    pub(crate) fn set_here(&mut self, conn_id: ConnId, is_here: bool, is_quiet: bool) {
        let record = self.records.get_mut(&conn_id).unwrap();
        if record.is_here == is_here {
            return;
        }
        record.is_here = is_here;
        let (user, read) = (record.user.clone(), record.read.clone());
        for name in read.keys() {
            self.count(name, &user, is_here, is_quiet);
        }
    }

    /// Counts a connection that has come or gone, and tells the channel if it is the user's first
    /// or last one.
    pub(crate) fn count(&mut self, name: &LogName, user: &UserName, is_here: bool, is_quiet: bool) {
        if name.channel().is_none() {
            return;
        }
        let key = (name.clone(), user.clone());
        let before = self.rosters.get(&key).copied().unwrap_or_default();
        let after = if is_here {
            before + 1
        } else {
            before.saturating_sub(1)
        };
        if after == 0 {
            self.rosters.remove(&key);
        } else {
            self.rosters.insert(key, after);
        }
        if is_quiet {
            return;
        }
        self.feed_count(name, user, before, after);
        if (before == 0 || after == 0) && self.logs[name].config.notify_presence {
            let event = self.presence(name, user, is_here);
            self.append(name, event, false);
        }
    }

    /// Tells the nodes in which channels a user has another number of connections than before.
    pub(crate) fn tell(&mut self, user: &UserName, rosters: &BTreeMap<(LogName, UserName), u32>) {
        let names: Vec<LogName> = self.logs.keys().cloned().collect();
        for name in names {
            let key = (name, user.clone());
            let before = rosters.get(&key).copied().unwrap_or_default();
            let after = self.rosters.get(&key).copied().unwrap_or_default();
            if before != after {
                self.feed_count(&key.0, user, before, after);
            }
        }
    }

    /// Tells the nodes how many present connections a user has in a channel.
    fn feed_count(&mut self, name: &LogName, user: &UserName, before: u32, after: u32) {
        let state = self.state_of(user).filter(|_| before == 0);
        self.feed(Fed::Member {
            log: name.clone(),
            member: Member {
                user: user.clone(),
                connections: after.into(),
                state,
            },
        });
    }

    /// Returns the number of the event that tells a channel that a user has come or gone.
    pub(crate) fn presence(&self, name: &LogName, user: &UserName, is_here: bool) -> u64 {
        let number = |user: &UserName| user.as_str().len() as u64;
        let has_list = self.logs[name].config.broadcast_presence_with_user_lists;
        let members = has_list.then(|| self.members(name));
        let most = self.limits.as_ref().map_or(usize::MAX, |it| it.user_list);
        let members = members.filter(|members| members.len() <= most);
        let event = Event::Presence {
            is_here,
            user: number(user),
            state: self.state_of(user).filter(|_| is_here),
            users: members.map(|members| {
                let members = members.iter();
                members.map(|it| (number(&it.user), it.state)).collect()
            }),
        };
        event.number()
    }
}
