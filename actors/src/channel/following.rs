//! A channel whose log is a copy of the one in Redis.

use bytes::Bytes;

use crate::channel::Channel;
use crate::copies;
use crate::core::cluster::answer::Loaded;
use crate::following::{Change, Following, FollowingActor, impl_following_handlers};

impl FollowingActor for Channel {
    fn following(&mut self) -> Option<&mut Following> {
        self.following.as_mut()
    }

    fn install(&mut self, loaded: Loaded<Bytes>) {
        self.core = copies::channel(self.registration.name(), loaded, self.common.limits());
        self.listings.clear();
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Member(member) => {
                let state = member.state.as_ref().and_then(copies::state_of);
                let connections = usize::try_from(member.connections).unwrap_or(usize::MAX);
                (self.core).set_member(&member.user, connections, state.as_ref());
            }
            Change::Configured(config) => self.core.configure(config),
            Change::Appended(..) | Change::Distrusted => {}
        }
    }
}

impl_following_handlers!(Channel);
