//! What an entry of a log says, as a number: a message is its own number, and anything else is
//! `EVENTS` and the digits of what it says, lowest first.

/// The contents with this number and above are no messages.
pub(crate) const EVENTS: u64 = 1000;

/// The number of an empty entry, whose message was deleted.
pub(crate) const EMPTIED: u64 = EVENTS + 5;

/// The states of users are numbers below this.
pub(crate) const STATES: u64 = 8;

/// The users of a presence event, each with the state, if there is one.
pub(crate) type UserList = Vec<(u64, Option<u64>)>;

/// What an entry says that is no message. A user is the length of its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// A user has come or gone.
    Presence {
        is_here: bool,
        user: u64,
        state: Option<u64>,
        users: Option<UserList>,
    },
    /// A user has changed its state.
    State {
        user: u64,
        state: u64,
        changed: u64,
    },
    /// An edit, or the deletion of a message.
    Edit(u64),
    Deletion(u64),
    Emptied,
}

impl Event {
    /// Returns the number of the event.
    pub(crate) fn number(&self) -> u64 {
        let digit = |state: Option<u64>| state.map_or(0, |state| state + 1);
        let list = |users: &UserList| {
            let user = |(user, state): &(u64, _)| (digit(*state) + 1) * 10_u64.pow(*user as u32);
            users.iter().map(user).sum::<u64>() + 1
        };
        EVENTS
            + match self {
                Self::Presence {
                    is_here,
                    user,
                    state,
                    users,
                } => {
                    let list = users.as_ref().map_or(0, list);
                    u64::from(*is_here) + 10 * user + 100 * digit(*state) + 1000 * list
                }
                Self::State {
                    user,
                    state,
                    changed,
                } => 2 + 10 * user + 100 * state + 1000 * changed,
                Self::Edit(number) => 3 + 10 * number,
                Self::Deletion(number) => 4 + 10 * number,
                Self::Emptied => EMPTIED - EVENTS,
            }
    }

    /// Returns the event with this number; `None` if it is the number of a message.
    pub(crate) fn from_number(number: u64) -> Option<Self> {
        let event = number.checked_sub(EVENTS)?;
        let digit = |number: u64| (number % 10).checked_sub(1);
        let (user, list) = (event / 10 % 10, event / 1000);
        Some(match event % 10 {
            kind @ (0 | 1) => {
                let users = (1..3).filter_map(|user| {
                    let number = digit(list / 10_u64.pow(user))?;
                    Some((u64::from(user), digit(number)))
                });
                Self::Presence {
                    is_here: kind == 1,
                    user,
                    state: digit(event / 100),
                    users: (list > 0).then(|| users.collect()),
                }
            }
            2 => Self::State {
                user,
                state: event / 100 % 10,
                changed: event / 1000,
            },
            3 => Self::Edit(event / 10),
            4 => Self::Deletion(event / 10),
            _ => Self::Emptied,
        })
    }
}
