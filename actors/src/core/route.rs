//! Who may see an entry.

use std::sync::Arc;

use serde::Serialize;

use crate::name::UserName;
use crate::protocol::message::Address;

/// The users an entry of a channel is for. It stands beside the entry, never inside: clients do not learn it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Route(Option<Arc<Restriction>>);

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Restriction {
    /// Only these; all when empty.
    only: Vec<UserName>,
    /// Not these, even if named in `only`.
    except: Vec<UserName>,
}

impl Route {
    /// Everyone.
    pub fn open() -> Self {
        Self(None)
    }

    /// Everyone but `user`.
    pub fn all_but(user: UserName) -> Self {
        Self(Some(Arc::new(Restriction { only: Vec::new(), except: vec![user] })))
    }

    /// Within a channel: of `pm_users`, if there are any, less `exclude_users` (`protocol.md` §5).
    pub fn of(address: &Address) -> Self {
        if address.pm_users.is_empty() && address.exclude_users.is_empty() {
            return Self::open();
        }
        Self(Some(Arc::new(Restriction { only: address.pm_users.clone(), except: address.exclude_users.clone() })))
    }

    /// Whether everyone may see it.
    pub fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Whether `user` may see it.
    pub fn allows(&self, user: &UserName) -> bool {
        self.0.as_ref().is_none_or(|rule| !rule.except.contains(user) && (rule.only.is_empty() || rule.only.contains(user)))
    }
}
