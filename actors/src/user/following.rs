//! A user whose private log is a copy of the one in Redis. The state and the connections of the
//! user are asked of Redis when somebody wants to know them.

use bytes::Bytes;

use crate::copies;
use crate::core::cluster::answer::Loaded;
use crate::following::{Change, Following, FollowingActor, impl_following_handlers};
use crate::user::User;

impl FollowingActor for User {
    fn following(&mut self) -> Option<&mut Following> {
        self.following.as_mut()
    }

    fn install(&mut self, loaded: Loaded<Bytes>) {
        let limits = self.needs.common.limits();
        let retention = limits.retention(limits.private_frames);
        self.core = copies::user(self.registration.name(), loaded, retention);
    }

    fn apply(&mut self, _: Change) {}

    /// A user counts as online on each node that it listens to.
    fn audience_changed(&mut self) {
        if self.delivery.is_empty() {
            self.online = None;
        } else {
            self.online
                .get_or_insert_with(|| self.needs.common.counters().online());
        }
    }
}

impl_following_handlers!(User);
