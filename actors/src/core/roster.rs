//! Who is here: what users told a channel of themselves.

use std::collections::HashMap;
use std::time::Duration;

use rustc_hash::FxBuildHasher;

use crate::name::UserName;
use crate::protocol::event::Action;
use crate::protocol::state::{Change, State, UserState};
use crate::protocol::timestamp::Moment;

/// What a user tells a channel of itself. It carries the whole truth and a version that grows, so that repeated or late it does no
/// harm.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who.
    pub user: UserName,
    /// Grows with everything the user tells.
    pub version: u64,
    /// How many of its connections are in the channel and present.
    pub connections: usize,
    /// What others may see of its state.
    pub public_state: State,
    /// The values of a state change that is news to the channel; empty otherwise.
    pub changed: Vec<Change>,
}

/// How long one who left is remembered, so that what it told earlier but arrives later is known as old.
const REMEMBERED: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Seat {
    version: u64,
    connections: usize,
    public_state: State,
    left: Option<Moment>,
}

/// The users of a channel.
#[derive(Debug, Default)]
pub struct Roster {
    seats: HashMap<UserName, Seat, FxBuildHasher>,
    present: usize,
    connections: usize,
}

impl Roster {
    /// Takes what a user told, if it is news. Answers `None` if it was old, else whether the user joined or parted by it.
    pub fn apply(&mut self, member: &Member, now: Moment) -> Option<Option<Action>> {
        let before = match self.seats.get(&member.user) {
            Some(seat) if seat.version >= member.version => return None,
            Some(seat) => seat.connections,
            None => 0,
        };
        let after = member.connections;
        if before == 0 && after == 0 && !self.seats.contains_key(&member.user) {
            return Some(None);
        }
        let left = (after == 0).then_some(now);
        let seat = Seat { version: member.version, connections: after, public_state: member.public_state.clone(), left };
        self.seats.insert(member.user.clone(), seat);
        self.connections = self.connections + after - before;
        Some(match (before, after) {
            (0, 1..) => {
                self.present += 1;
                Some(Action::Joined)
            }
            (1.., 0) => {
                self.present -= 1;
                Some(Action::Parted)
            }
            _ => None,
        })
    }

    /// Forgets those who left a while ago.
    pub fn sweep(&mut self, now: Moment) {
        self.seats.retain(|_, seat| seat.left.is_none_or(|left| now.since(left) < REMEMBERED));
    }

    /// Whether nobody is here.
    pub fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// How many are here.
    pub fn len(&self) -> usize {
        self.present
    }

    /// How many connections those present have here.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Who is here, sorted.
    pub fn users(&self) -> Vec<UserName> {
        let mut users: Vec<_> = self.here().map(|(user, _)| user.clone()).collect();
        users.sort_unstable();
        users
    }

    /// Who is here, with public state, sorted.
    pub fn user_list(&self) -> Vec<UserState> {
        let mut users: Vec<_> =
            self.here().map(|(user, seat)| UserState { user: user.clone(), state: seat.public_state.clone() }).collect();
        users.sort_unstable_by(|a, b| a.user.cmp(&b.user));
        users
    }

    fn here(&self) -> impl Iterator<Item = (&UserName, &Seat)> {
        self.seats.iter().filter(|(_, seat)| seat.connections > 0)
    }
}
