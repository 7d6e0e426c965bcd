//! The scripts about users and their states.

use std::collections::BTreeSet;

use channelstream_actors::core::cluster::answer::{Member, User};
use channelstream_actors::name::{LogName, UserName};

use crate::content::Event;
use crate::redis::{Answer, Fed, Redis};

/// A user, as Redis keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct KeptUser {
    pub(crate) version: u64,
    /// The version of the first state.
    born: u64,
    state: u64,
}

impl Redis {
    pub(crate) fn set_user(
        &mut self,
        user: &UserName,
        seen: u64,
        state: u64,
        changed: Option<u64>,
    ) -> Answer {
        let version = self.users.get(user).map_or(0, |user| user.version);
        if version != seen {
            return Answer::Changed;
        }
        self.numbers.versions += 1;
        let version = self.numbers.versions;
        let born = self.users.get(user).map_or(version, |user| user.born);
        let kept = KeptUser {
            version,
            born,
            state,
        };
        self.users.insert(user.clone(), kept);
        self.feed(Fed::User {
            user: user.clone(),
            version,
            state,
        });
        let records = self.records.values();
        let present = records.filter(|record| record.is_here && record.user == *user);
        let logs: BTreeSet<LogName> = present.flat_map(|it| it.read.keys().cloned()).collect();
        for name in logs.iter().filter(|name| name.channel().is_some()) {
            let connections = self.rosters[&(name.clone(), user.clone())].into();
            let member = Member {
                user: user.clone(),
                connections,
                state: Some(state),
            };
            self.feed(Fed::Member {
                log: name.clone(),
                member,
            });
            if let Some(changed) = changed
                && self.logs[name].config.notify_state
            {
                let user = user.as_str().len() as u64;
                let event = Event::State {
                    user,
                    state,
                    changed,
                };
                self.append(name, event.number(), false);
            }
        }
        Answer::Done
    }

    pub(crate) fn look_up(&self, user: &UserName) -> Option<User<u64>> {
        let KeptUser {
            version,
            born,
            state,
        } = *self.users.get(user)?;
        let records = self.records.iter();
        let connections = records
            .filter(|(_, record)| record.user == *user)
            .map(|(conn_id, record)| (*conn_id, record.is_here));
        Some(User {
            version,
            born,
            state,
            connections: connections.collect(),
        })
    }

    pub(crate) fn state_of(&self, user: &UserName) -> Option<u64> {
        self.users.get(user).map(|user| user.state)
    }

    /// Returns the users who are present in a channel.
    pub(crate) fn members(&self, name: &LogName) -> Vec<Member<u64>> {
        let users = self.rosters.iter().filter(|((log, _), _)| log == name);
        let member = |((_, user), connections): ((&LogName, &UserName), u64)| Member {
            user: user.clone(),
            connections,
            state: self.state_of(user),
        };
        users
            .map(|((log, user), connections)| member(((log, user), (*connections).into())))
            .collect()
    }
}
