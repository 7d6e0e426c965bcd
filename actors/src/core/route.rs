//! Who may see an entry.

use std::sync::Arc;

use serde::Serialize;

use crate::name::UserName;
use crate::protocol::message::Address;

/// The users an entry of a channel is for. It stands beside the entry, never inside: clients do not
/// learn it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Route(Option<Arc<Restriction>>);

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Restriction {
    /// Only these; all when empty.
    only: Users,
    /// Not these, even if named in `only`.
    except: Users,
}

/// Users in the order of their names, each once: one of 100,000 is found in 17 steps.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
struct Users(Box<[UserName]>);

impl Users {
    fn new(names: &[UserName]) -> Self {
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        Self(names.into())
    }

    fn contains(&self, user: &UserName) -> bool {
        self.0.binary_search(user).is_ok()
    }
}

impl Route {
    /// Everyone.
    pub fn open() -> Self {
        Self(None)
    }

    /// Everyone but `user`.
    pub fn all_but(user: UserName) -> Self {
        Self(Some(Arc::new(Restriction {
            only: Users::default(),
            except: Users([user].into()),
        })))
    }

    /// Within a channel: of `pm_users`, if there are any, less `exclude_users` (`protocol.md` §5).
    pub fn of(address: &Address) -> Self {
        if address.pm_users.is_empty() && address.exclude_users.is_empty() {
            return Self::open();
        }
        Self(Some(Arc::new(Restriction {
            only: Users::new(&address.pm_users),
            except: Users::new(&address.exclude_users),
        })))
    }

    /// Whether everyone may see it.
    pub fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Whether it says anything of this user. Those of whom it says nothing all see the same.
    pub fn names(&self, user: &UserName) -> bool {
        self.0
            .as_ref()
            .is_some_and(|rule| rule.except.contains(user) || rule.only.contains(user))
    }

    /// Whether `user` may see it.
    pub fn allows(&self, user: &UserName) -> bool {
        self.0.as_ref().is_none_or(|rule| {
            !rule.except.contains(user) && (rule.only.0.is_empty() || rule.only.contains(user))
        })
    }

    /// How many bytes it holds, without the texts of the names, which the message shares.
    pub fn size(&self) -> usize {
        let names = |rule: &Arc<Restriction>| rule.only.0.len() + rule.except.0.len();
        self.0.as_ref().map_or(0, |rule| {
            size_of::<Restriction>() + names(rule) * size_of::<UserName>()
        })
    }
}
