//! The lists of users in the answers of `/info` and `/connect`. The list of a channel is encoded
//! once and kept until the roster changes.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::name::UserName;
use crate::protocol::state::UserState;

/// The users of a channel in the order of their names, encoded once for all answers.
#[derive(Debug, Default)]
pub struct Listing {
    names: Encoded,
    whole: (Vec<UserState>, Encoded),
    public: (Vec<UserState>, Encoded),
}

/// A JSON text that is encoded when it is first needed.
#[derive(Debug, Default)]
struct Encoded(OnceLock<Box<RawValue>>);

impl Encoded {
    fn serialize<S: Serializer>(
        &self,
        value: &impl Serialize,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if let Some(json) = self.0.get() {
            return json.serialize(serializer);
        }
        let json = to_raw_value(value).map_err(serde::ser::Error::custom)?;
        self.0.get_or_init(|| json).serialize(serializer)
    }
}

impl Listing {
    /// Creates the list from the users, sorted by name: once with the whole state of each user, and
    /// once with the public part.
    pub fn new(whole: Vec<UserState>, public: Vec<UserState>) -> Self {
        Self {
            names: Encoded::default(),
            whole: (whole, Encoded::default()),
            public: (public, Encoded::default()),
        }
    }

    /// Returns the number of users.
    pub fn len(&self) -> usize {
        self.whole.0.len()
    }

    /// Returns whether there are no users.
    pub fn is_empty(&self) -> bool {
        self.whole.0.is_empty()
    }

    /// Returns the users, each with the public part of its state if `public`, and otherwise with
    /// the whole state.
    pub fn states(&self, public: bool) -> &[UserState] {
        if public {
            &self.public.0
        } else {
            &self.whole.0
        }
    }

    /// Returns the names.
    pub fn names(&self) -> impl Iterator<Item = &UserName> {
        self.whole.0.iter().map(|user| &user.user)
    }

    /// Prints the names as a list.
    pub(crate) fn serialize_names<S: Serializer>(
        listing: &Arc<Self>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        listing.names.serialize(&Names(listing), serializer)
    }
}

struct Names<'a>(&'a Listing);

impl Serialize for Names<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.names())
    }
}

/// The users of several channels, sorted by name, each once.
#[derive(Clone, Debug)]
pub enum Users {
    /// The users of one channel, each with the public part of its state if the flag is true, and
    /// otherwise with the whole state.
    Of(Arc<Listing>, bool),
    /// The users of several channels, with the states to show.
    Merged(Vec<UserState>),
}

impl Default for Users {
    fn default() -> Self {
        Self::Merged(Vec::new())
    }
}

impl Users {
    /// Gathers the users of channels from their lists.
    pub fn of<'a>(listings: impl Iterator<Item = &'a Arc<Listing>>, public: bool) -> Self {
        let listings: Vec<_> = listings.filter(|listing| !listing.is_empty()).collect();
        if let [one] = *listings {
            return Self::Of(one.clone(), public);
        }
        let users = listings.iter().flat_map(|listing| listing.states(public));
        let users: BTreeMap<_, _> = users.map(|user| (&user.user, user)).collect();
        Self::Merged(users.into_values().cloned().collect())
    }
}

impl Serialize for Users {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Of(listing, true) => listing.public.1.serialize(&listing.public.0, serializer),
            Self::Of(listing, false) => listing.whole.1.serialize(&listing.whole.0, serializer),
            Self::Merged(users) => users.serialize(serializer),
        }
    }
}
