//! Shares names while a store is read, so that each name is in memory only once.

use std::collections::HashSet;

use crate::name::{ChannelName, UserName};

/// The names that were read first: those of the stored channels and users.
#[derive(Debug, Default)]
pub(in crate::store::file) struct KnownNames {
    pub(in crate::store::file) channels: HashSet<ChannelName>,
    pub(in crate::store::file) users: HashSet<UserName>,
}

/// The known names, and the other names that one reader has met.
#[derive(Debug)]
pub(in crate::store::file) struct Names<'a> {
    known: &'a KnownNames,
    met: KnownNames,
}

impl<'a> Names<'a> {
    pub(in crate::store::file) fn new(known: &'a KnownNames) -> Self {
        Self {
            known,
            met: KnownNames::default(),
        }
    }

    /// Returns the shared name of a channel.
    pub(in crate::store::file) fn channel(&mut self, text: &str) -> ChannelName {
        let known = self.known.channels.get(text);
        if let Some(name) = known.or_else(|| self.met.channels.get(text)) {
            return name.clone();
        }
        let name = ChannelName::new(text);
        self.met.channels.insert(name.clone());
        name
    }

    /// Returns the shared name of a user.
    pub(in crate::store::file) fn user(&mut self, text: &str) -> UserName {
        let known = self.known.users.get(text);
        if let Some(name) = known.or_else(|| self.met.users.get(text)) {
            return name.clone();
        }
        let name = UserName::new(text);
        self.met.users.insert(name.clone());
        name
    }
}
