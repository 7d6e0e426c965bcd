//! The logs in which a connection has a place: those of its channels, and its user's.

use std::collections::HashSet;

use crate::channel::Channel;
use crate::common::Common;
use crate::delivery::{Attach, Detach, GetEpoch, IsUpToDate};
use crate::directories::{Directories, SLICE};
use crate::directory::IfAbsent;
use crate::name::{ChannelName, ConnId, UserName};
use crate::position::{Epoch, Report};
use crate::user::User;

/// What a connection needs of the broker.
#[derive(Clone)]
pub(crate) struct ConnectionNeeds {
    pub(crate) common: Common,
    pub(crate) channels: Directories<Channel>,
    pub(crate) users: Directories<User>,
}

/// The places of a connection at one moment.
pub(super) struct Places {
    pub(super) conn_id: ConnId,
    pub(super) user: UserName,
    /// The channels in the order of their names.
    pub(super) channels: Vec<ChannelName>,
    pub(super) needs: ConnectionNeeds,
}

impl Places {
    /// Attaches a transport to all channels, one after the other, then to the user: private
    /// messages come after those of channels (`protocol.md` §6).
    pub(super) async fn attach(self, attach: Attach) {
        for channel in self.channels {
            self.needs
                .channels
                .ask(channel, IfAbsent::Skip, attach.clone())
                .await;
        }
        self.needs
            .users
            .ask(self.user, IfAbsent::Skip, attach)
            .await;
    }

    /// Takes all cursors back to what the client of a transport has read.
    pub(super) fn detach(self, detach: Detach) {
        for channel in self.channels {
            self.needs
                .channels
                .tell(channel, IfAbsent::Skip, detach.clone());
        }
        self.needs.users.tell(self.user, IfAbsent::Skip, detach);
    }

    /// Returns whether the connection's transport was sent all entries of all logs.
    pub(super) async fn are_up_to_date(self) -> bool {
        let asked = IsUpToDate(self.conn_id);
        for slice in self.channels.chunks(SLICE) {
            let mut answers = self.needs.channels.ask_all(slice, || asked).await;
            if !answers.all(|is_up_to_date| is_up_to_date) {
                return false;
            }
        }
        let user = self.needs.users.ask(self.user, IfAbsent::Skip, asked);
        user.await.unwrap_or(true)
    }

    /// Returns whether a position names a log that is none of these: that of a channel or user of
    /// which only a later life is left.
    pub(super) async fn is_foreign(&self, read: &Report) -> bool {
        let mut unknown: HashSet<Epoch> = read.iter().map(|(epoch, _)| *epoch).collect();
        if unknown.is_empty() {
            return false;
        }
        let user = self.user.clone();
        if let Some(epoch) = self.needs.users.ask(user, IfAbsent::Skip, GetEpoch).await {
            unknown.remove(&epoch);
        }
        for slice in self.channels.chunks(SLICE) {
            for epoch in self.needs.channels.ask_all(slice, || GetEpoch).await {
                unknown.remove(&epoch);
            }
        }
        !unknown.is_empty()
    }
}
