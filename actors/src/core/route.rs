//! The route of an entry: which users may see it.

use std::sync::Arc;

use serde::Serialize;

use crate::name::UserName;
use crate::protocol::message::Address;

/// The users who may see an entry of a channel. The route is stored beside the encoded event and
/// never inside it, so clients do not learn it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Route(Option<Arc<Restriction>>);

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Restriction {
    /// The users who may see the entry; empty if all may.
    only: SortedUsers,
    /// The users who may not see the entry, even if `only` names them.
    except: SortedUsers,
}

/// A list of users, sorted by name and without duplicates, so that a search among 100,000 users
/// takes 17 steps.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
struct SortedUsers(Box<[UserName]>);

impl SortedUsers {
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
    /// Returns the route to everyone.
    pub fn open() -> Self {
        Self(None)
    }

    /// Returns the route to everyone except `user`.
    pub fn all_but(user: UserName) -> Self {
        Self(Some(Arc::new(Restriction {
            only: SortedUsers::default(),
            except: SortedUsers([user].into()),
        })))
    }

    /// Returns the route of a message in a channel: to `pm_users`, or to all users if `pm_users` is
    /// empty, in both cases without `exclude_users` (`protocol.md` §5).
    pub fn of(address: &Address) -> Self {
        Self::restricted(&address.pm_users, &address.exclude_users)
    }

    /// Returns the route to the users in `only`, or to all users if `only` is empty, in both cases
    /// without those in `except`.
    pub fn restricted(only: &[UserName], except: &[UserName]) -> Self {
        if only.is_empty() && except.is_empty() {
            return Self::open();
        }
        Self(Some(Arc::new(Restriction {
            only: SortedUsers::new(only),
            except: SortedUsers::new(except),
        })))
    }

    /// Returns the only users who may see the entry; empty if all may.
    pub fn only(&self) -> &[UserName] {
        self.0.as_ref().map_or(&[], |rule| &rule.only.0)
    }

    /// Returns the users who may not see the entry.
    pub fn except(&self) -> &[UserName] {
        self.0.as_ref().map_or(&[], |rule| &rule.except.0)
    }

    /// Returns whether everyone may see the entry.
    pub fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Returns whether the route names this user. All users whom no route names see the same
    /// entries.
    pub fn names(&self, user: &UserName) -> bool {
        self.0
            .as_ref()
            .is_some_and(|rule| rule.except.contains(user) || rule.only.contains(user))
    }

    /// Returns whether `user` may see the entry.
    pub fn allows(&self, user: &UserName) -> bool {
        self.0.as_ref().is_none_or(|rule| {
            !rule.except.contains(user) && (rule.only.0.is_empty() || rule.only.contains(user))
        })
    }

    /// Returns the number of bytes that the route takes, without the texts of the names, which it
    /// shares with the message.
    pub fn size(&self) -> usize {
        let names = |rule: &Arc<Restriction>| rule.only.0.len() + rule.except.0.len();
        self.0.as_ref().map_or(0, |rule| {
            size_of::<Restriction>() + names(rule) * size_of::<UserName>()
        })
    }
}
