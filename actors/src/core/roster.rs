//! The roster of a channel: which users are present, as they told it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::name::UserName;
use crate::protocol::state::{Change, State, UserState};
use crate::protocol::timestamp::Moment;

/// What a user tells a channel of itself. It always says everything and has a version that grows,
/// so it does no harm if it comes twice or late.
#[derive(Clone, Debug)]
pub struct Member {
    /// The name of the user.
    pub user: UserName,
    /// A number that grows with everything the user tells.
    pub version: u64,
    /// How many of the user's connections are in the channel and present.
    pub connections: usize,
    /// The user's whole state.
    pub state: State,
    /// What others may see of the state.
    pub public_state: State,
    /// The values that changed just now; empty where the state is told without an event.
    pub changed: Arc<[Change]>,
}

/// What a [`Member`] changed in a roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// Nothing: the roster knows something newer of this user.
    Stale,
    /// The user's state or number of connections, or nothing.
    Updated,
    /// The user's first connection came.
    Joined,
    /// The user's last connection went.
    Parted,
}

/// How long a user who left is remembered, so that what it told earlier and arrives later is known
/// to be old.
const REMEMBERED: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct RosterEntry {
    version: u64,
    connections: usize,
    state: State,
    public_state: State,
    /// When the user left; `None` while it is present.
    left_at: Option<Moment>,
}

/// The users of a channel.
#[derive(Debug, Default)]
pub struct Roster {
    entries: BTreeMap<UserName, RosterEntry>,
    /// How many users are present.
    present: usize,
    /// How many connections they have here.
    connections: usize,
    /// A number that grows with each change.
    revision: u64,
}

impl Roster {
    /// Notes what a user tells, unless something newer is known.
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

    /// Forgets a user, whose next actor begins with a version of its own. Returns whether it was
    /// present.
    pub fn expel(&mut self, user: &UserName) -> bool {
        let Some(entry) = self.entries.remove(user) else {
            return false;
        };
        self.connections -= entry.connections;
        self.revision += 1;
        let was_present = entry.connections > 0;
        self.present -= usize::from(was_present);
        was_present
    }

    /// Forgets users who left a while ago.
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

    /// Returns how many users are present.
    pub fn len(&self) -> usize {
        self.present
    }

    /// Returns how many connections the present users have here.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Returns a number that is another one after each change.
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
