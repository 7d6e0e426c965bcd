//! The roster of a channel: the users who are present. The actors of the users report it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::core::visible_state::VisibleState;
use crate::name::UserName;
use crate::protocol::state::{Change, State, UserState};
use crate::protocol::timestamp::Moment;

/// An update that a user sends to a channel: its connections there and its state. An update is
/// always complete and has a version that grows, so an update that arrives twice or late does no
/// harm.
#[derive(Clone, Debug)]
pub struct Member {
    /// The name of the user.
    pub user: UserName,
    /// A number that grows with each update of the user.
    pub version: u64,
    /// The number of the user's connections that are in the channel and count as present.
    pub connections: usize,
    /// The user's whole state.
    pub state: State,
    /// The part of the state that others may see.
    pub public_state: State,
    /// The values that have just changed; empty if the channel must make no event of the change.
    pub changed: Arc<[Change]>,
}

/// The change that a [`Member`] update made in a roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// No change: the roster has a newer update of this user.
    Stale,
    /// The user neither joined nor parted. Its state or number of connections may have changed.
    Updated,
    /// The user's first connection entered the channel.
    Joined,
    /// The user's last connection left the channel.
    Parted,
}

/// The time for which a user who left is remembered, so that an old update that arrives late is
/// recognized as stale.
const REMEMBERED: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct RosterEntry {
    version: u64,
    connections: usize,
    state: State,
    public_state: State,
    /// The time at which the user left; `None` while it is present.
    left_at: Option<Moment>,
}

/// The users who are present in a channel, and those who left it a short time ago.
#[derive(Debug, Default)]
pub struct Roster {
    entries: BTreeMap<UserName, RosterEntry>,
    /// The number of users who are present.
    present: usize,
    /// The number of connections that the present users have in the channel.
    connections: usize,
    /// A number that grows with each change.
    revision: u64,
}

impl Roster {
    /// Applies an update of a user, unless the roster already has a newer one.
    pub fn apply(&mut self, member: &Member, now: Moment) -> MemberChange {
        let known = self.entries.get(&member.user);
        if known.is_some_and(|entry| entry.version >= member.version) {
            return MemberChange::Stale;
        }
        let before = known.map_or(0, |entry| entry.connections);
        let after = member.connections;
        if known.is_none() && after == 0 {
            return MemberChange::Updated;
        }
        let entry = RosterEntry {
            version: member.version,
            connections: after,
            state: member.state.clone(),
            public_state: member.public_state.clone(),
            left_at: (after == 0).then_some(now),
        };
        self.entries.insert(member.user.clone(), entry);
        self.connections = self.connections + after - before;
        self.revision += 1;
        match (before, after) {
            (0, 1..) => {
                self.present += 1;
                MemberChange::Joined
            }
            (1.., 0) => {
                self.present -= 1;
                MemberChange::Parted
            }
            _ => MemberChange::Updated,
        }
    }

    /// Sets the number of connections of a user, and its state if it is given. The next update of
    /// the user counts versions from the beginning.
    pub fn set(&mut self, user: &UserName, connections: usize, state: Option<&VisibleState>) {
        let known = self.entries.get(user);
        let kept = known.map(|entry| (entry.state.clone(), entry.public_state.clone()));
        let given = state.map(|it| (it.state().clone(), it.public_state().clone()));
        let (state, public_state) = given.or(kept).unwrap_or_default();
        self.remove(user);
        if connections > 0 {
            let entry = RosterEntry {
                version: 0,
                connections,
                state,
                public_state,
                left_at: None,
            };
            self.entries.insert(user.clone(), entry);
            self.connections += connections;
            self.present += 1;
            self.revision += 1;
        }
    }

    /// Forgets a user and the version of its last update, because its next actor counts versions
    /// from the beginning. Returns whether the user was present.
    pub fn remove(&mut self, user: &UserName) -> bool {
        let Some(entry) = self.entries.remove(user) else {
            return false;
        };
        self.connections -= entry.connections;
        self.revision += 1;
        let was_present = entry.connections > 0;
        self.present -= usize::from(was_present);
        was_present
    }

    /// Forgets users who left longer ago than `REMEMBERED`.
    pub fn sweep(&mut self, now: Moment) {
        self.entries.retain(|_, entry| {
            entry
                .left_at
                .is_none_or(|left_at| now.since(left_at) < REMEMBERED)
        });
    }

    /// Returns whether no user is present.
    pub fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// Returns the number of users who are present.
    pub fn len(&self) -> usize {
        self.present
    }

    /// Returns the number of connections that the present users have in the channel.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Returns a number that grows with each change of the roster.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns the users who are present, in the order of their names, with their whole state.
    pub fn users(&self) -> impl Iterator<Item = UserState> {
        self.present().map(|(user, entry)| UserState {
            user: user.clone(),
            state: entry.state.clone(),
        })
    }

    /// Returns the users who are present, in the order of their names, with their public state.
    pub fn public_users(&self) -> impl Iterator<Item = UserState> {
        self.present().map(|(user, entry)| UserState {
            user: user.clone(),
            state: entry.public_state.clone(),
        })
    }

    fn present(&self) -> impl Iterator<Item = (&UserName, &RosterEntry)> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.connections > 0)
    }
}
