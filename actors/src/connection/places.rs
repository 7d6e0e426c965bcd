//! The logs in which a connection has a place: those of its channels, and that of its user.

use std::collections::HashSet;

use futures_util::future::join_all;

use crate::channel::Channel;
use crate::common::Common;
use crate::core::connection::Positions;
use crate::delivery::{Attach, CursorState, Detach, FindEpochs, GetPosition, IsUpToDate};
use crate::directories::{Directories, SLICE};
use crate::directory::IfAbsent;
use crate::name::{ChannelName, ConnId, UserName};
use crate::position::{Epoch, Report};
use crate::user::User;

/// The parts of the broker that a connection needs.
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
    /// messages come after those of channels (`protocol.md` §6). Returns the positions where the
    /// transport began, if the store keeps them, and whether the client was told of a gap.
    pub(super) async fn attach(self, attach: Attach) -> (Positions, bool) {
        let is_kept = self.needs.common.store().keeps();
        let (mut positions, mut has_gap) = (Positions::default(), false);
        for channel in self.channels {
            let kept_for = is_kept.then(|| channel.clone());
            let asked = (self.needs.channels).ask(channel, IfAbsent::Skip, attach.clone());
            let began = asked.await.flatten();
            has_gap |= began.is_some_and(|began| began.has_gap);
            let place = kept_for.zip(began.map(|began| began.position));
            positions.channels.extend(place);
        }
        let asked = self.needs.users.ask(self.user, IfAbsent::Skip, attach);
        let began = asked.await.flatten();
        has_gap |= began.is_some_and(|began| began.has_gap);
        positions.private = began.map(|began| began.position);
        (positions, has_gap)
    }

    /// Returns the positions up to which the client has read in all logs. No transport may be
    /// attached.
    pub(super) async fn positions(self) -> Positions {
        let asked = GetPosition(self.conn_id);
        let mut positions = Positions::default();
        for slice in self.channels.chunks(SLICE) {
            let ask = |channel: &ChannelName| {
                self.needs
                    .channels
                    .ask(channel.clone(), IfAbsent::Skip, asked)
            };
            let answers = join_all(slice.iter().map(ask)).await;
            for (channel, state) in slice.iter().zip(answers.into_iter().map(Option::flatten)) {
                let place = state.map(|state| (channel.clone(), state.position));
                positions.channels.extend(place);
                note_cursor_state(&mut positions, state);
            }
        }
        let private = self.needs.users.ask(self.user, IfAbsent::Skip, asked);
        let state = private.await.flatten();
        positions.private = state.map(|state| state.position);
        note_cursor_state(&mut positions, state);
        positions
    }

    /// Moves all cursors back to what the client of a transport has read.
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

    /// Returns whether a position names a log that is not one of these, such as the log of a
    /// channel or user that was forgotten and created again.
    pub(super) async fn is_foreign(&self, read: &Report) -> bool {
        let mut unknown: HashSet<Epoch> = read.iter().map(|(epoch, _)| *epoch).collect();
        if unknown.is_empty() {
            return false;
        }
        let find = || FindEpochs(read.clone());
        let user = self.user.clone();
        let private = self.needs.users.ask(user, IfAbsent::Skip, find()).await;
        for epoch in private.into_iter().flatten() {
            unknown.remove(&epoch);
        }
        for slice in self.channels.chunks(SLICE) {
            for epoch in self.needs.channels.ask_all(slice, find).await.flatten() {
                unknown.remove(&epoch);
            }
        }
        !unknown.is_empty()
    }
}

/// Notes the facts about a log that the position alone does not contain.
fn note_cursor_state(positions: &mut Positions, state: Option<CursorState>) {
    let Some(CursorState {
        position: (epoch, _),
        owes_gap,
        is_new,
    }) = state
    else {
        return;
    };
    positions.owed_gaps.extend(owes_gap.then_some(epoch));
    positions.new_places.extend(is_new.then_some(epoch));
}
