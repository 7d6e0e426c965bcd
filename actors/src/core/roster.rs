//! Who is here: what users told a channel of themselves.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::name::UserName;
use crate::protocol::event::Action;
use crate::protocol::listing::Listing;
use crate::protocol::state::{Change, State, UserState};
use crate::protocol::timestamp::Moment;

/// What a user tells a channel of itself. It carries the whole truth and a version that grows, so
/// that repeated or late it does no harm.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who.
    pub user: UserName,
    /// Grows with everything the user tells.
    pub version: u64,
    /// How many of its connections are in the channel and present.
    pub connections: usize,
    /// All of its state.
    pub state: State,
    /// What others may see of its state.
    pub public_state: State,
    /// The values of a state change that is news to the channel; empty otherwise.
    pub changed: Arc<[Change]>,
}

/// How long one who left is remembered, so that what it told earlier but arrives later is known as
/// old.
const REMEMBERED: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Seat {
    version: u64,
    connections: usize,
    state: State,
    public_state: State,
    left: Option<Moment>,
}

/// The users of a channel.
#[derive(Debug, Default)]
pub struct Roster {
    seats: BTreeMap<UserName, Seat>,
    present: usize,
    connections: usize,
    /// Made when somebody asks, and kept until the roster changes.
    listing: OnceCell<Arc<Listing>>,
}

impl Roster {
    /// Takes what a user told, if it is news. Answers `None` if it was old, else whether the user
    /// joined or parted by it.
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
        let (state, public_state) = (member.state.clone(), member.public_state.clone());
        self.seats.insert(
            member.user.clone(),
            Seat {
                version: member.version,
                connections: after,
                state,
                public_state,
                left,
            },
        );
        self.connections = self.connections + after - before;
        self.listing.take();
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

    /// Forgets those who left a while ago, and the listing.
    pub fn sweep(&mut self, now: Moment) {
        self.seats
            .retain(|_, seat| seat.left.is_none_or(|left| now.since(left) < REMEMBERED));
        self.listing.take();
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

    /// Who is here, as `/info` tells it.
    pub fn listing(&self) -> &Arc<Listing> {
        self.listing.get_or_init(|| {
            let whole = self.here().map(|(user, seat)| UserState {
                user: user.clone(),
                state: seat.state.clone(),
            });
            Arc::new(Listing::new(whole.collect(), self.user_list(self.present)))
        })
    }

    /// The first of those who are here by name, at most so many, with public state.
    pub fn user_list(&self, most: usize) -> Vec<UserState> {
        let user = |(user, seat): (&UserName, &Seat)| UserState {
            user: user.clone(),
            state: seat.public_state.clone(),
        };
        self.here().map(user).take(most).collect()
    }

    fn here(&self) -> impl Iterator<Item = (&UserName, &Seat)> {
        self.seats.iter().filter(|(_, seat)| seat.connections > 0)
    }
}
