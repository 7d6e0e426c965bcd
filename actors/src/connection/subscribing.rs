//! The handlers that open a connection, subscribe it to channels and unsubscribe it.

use actix::prelude::*;

use crate::connection::life::Life;
use crate::connection::{Connection, Open, Subscribe, Unsubscribe};
use crate::core::connection::{Subscriptions, check_channels};
use crate::core::user::ConnectedChannels;
use crate::delivery::{Attach, AttachReason};
use crate::directory::IfAbsent;
use crate::error::{CloseReason, InUse, NotConnected, NotDone, Refused, Unknown};
use crate::faults::fail_point;
use crate::limits::LimitReached;
use crate::name::ChannelName;
use crate::request::log_for;
use crate::user::{AddConnection, AddSubscriptions, Connected, RemoveSubscriptions};

impl Handler<Open> for Connection {
    type Result = ResponseActFuture<Self, Result<Connected, NotConnected>>;

    fn handle(&mut self, open: Open, context: &mut Context<Self>) -> Self::Result {
        let Open {
            user,
            set,
            channels,
            configs,
            request,
        } = open;
        if let Some(life) = &self.life
            && *life.core.user() != user
        {
            return Box::pin(actix::fut::ready(Err(NotConnected::InUse(InUse))));
        }
        if let Err(reached) = self.check_channels(&channels) {
            return Box::pin(actix::fut::ready(Err(NotConnected::Limit(reached))));
        }
        let is_new = self.life.is_none();
        if is_new {
            self.life_number += 1;
            self.needs.common.counters().count_connection();
            self.watch_deadline(self.needs.common.limits().idle, context);
        }
        let (conn_id, life_number) = (self.conn_id(), self.life_number);
        let what = if self.life.is_none() {
            "connected"
        } else {
            "connected again"
        };
        log_for(request.as_ref(), || {
            log::debug!(
                connection:% = conn_id.short(), user = user.as_str(), channels = channels.len();
                "{what}"
            );
        });
        let life = self.life.get_or_insert_with(|| Life::new(user.clone()));
        let returning = life.mark_present(context);
        let added = life.core.subscribe(channels);
        self.note();
        let add = AddConnection {
            conn_id,
            set,
            channels: ConnectedChannels {
                returning,
                added: added.clone(),
            },
            configs,
        };
        let asked = self.needs.users.ask(user, IfAbsent::Create, add);
        self.answer_after(asked, move |answer, connection| {
            let Some(answer) = answer else {
                // A panic has ended the user before it knew the connection.
                connection.close_life(life_number, CloseReason::Fault);
                return Err(NotConnected::Refused(Refused::TRY_AGAIN));
            };
            let (connected, positions) = answer.map_err(|reached| {
                connection.undo_open(life_number, is_new, added.clone());
                NotConnected::Limit(reached)
            })?;
            connection.note_new_places(life_number, positions);
            connection.listen_to(life_number, added);
            Ok(connected)
        })
    }
}

impl Handler<Subscribe> for Connection {
    type Result = ResponseActFuture<Self, Result<Subscriptions, NotDone>>;

    fn handle(&mut self, subscribe: Subscribe, _: &mut Context<Self>) -> Self::Result {
        let Subscribe { channels, configs } = subscribe;
        (channels.iter()).for_each(|channel| fail_point("connection", channel.as_str()));
        let (conn_id, life_number) = (self.conn_id(), self.life_number);
        let checked = self.check_channels(&channels);
        let Some(life) = &mut self.life else {
            return Box::pin(actix::fut::ready(Err(Unknown.into())));
        };
        if let Err(reached) = checked {
            return Box::pin(actix::fut::ready(Err(reached.into())));
        }
        let added = life.core.subscribe(channels);
        let subscriptions = life.core.subscriptions(added.clone());
        let add = AddSubscriptions {
            conn_id,
            added: added.clone(),
            configs,
        };
        let user = life.core.user().clone();
        self.note();
        let asked = self.needs.users.ask(user, IfAbsent::Skip, add);
        self.answer_after(asked, move |answer, connection| {
            let positions = answer.unwrap_or(Err(Unknown))?;
            connection.note_new_places(life_number, positions);
            connection.listen_to(life_number, added);
            Ok(subscriptions)
        })
    }
}

impl Handler<Unsubscribe> for Connection {
    type Result = ResponseActFuture<Self, Result<Subscriptions, NotDone>>;

    fn handle(&mut self, unsubscribe: Unsubscribe, _: &mut Context<Self>) -> Self::Result {
        let Unsubscribe {
            channels,
            is_by_client,
        } = unsubscribe;
        let conn_id = self.conn_id();
        let Some(life) = &mut self.life else {
            return Box::pin(actix::fut::ready(Err(Unknown.into())));
        };
        let removed = life.core.unsubscribe(channels);
        let subscriptions = life.core.subscriptions(removed.clone());
        let user = life.core.user().clone();
        self.note();
        let remove = RemoveSubscriptions {
            conn_id,
            removed,
            is_taken_back: !is_by_client,
        };
        let asked = self.needs.users.ask(user, IfAbsent::Skip, remove);
        self.answer_after(asked, move |answer, _| {
            answer.unwrap_or(Err(Unknown))?;
            Ok(subscriptions)
        })
    }
}

impl Connection {
    /// Checks that the connection would not be in too many channels with these.
    pub(super) fn check_channels(&self, channels: &[ChannelName]) -> Result<(), LimitReached> {
        let bound = self.needs.common.limits().channels_of_connection();
        let present = self.life.as_ref().map(|life| life.core.channels());
        check_channels(present, channels, bound)
    }

    /// Undoes the opening of the connection, which its user has refused. A connection that was open
    /// before only leaves the channels that were `added`.
    fn undo_open(&mut self, life_number: u64, was_new: bool, added: Vec<ChannelName>) {
        let conn_id = self.conn_id();
        let Some(life) = self.life(life_number) else {
            return;
        };
        let removed = life.core.unsubscribe(added);
        if was_new {
            self.close(CloseReason::Disconnected);
            return;
        }
        let user = life.core.user().clone();
        self.note();
        let remove = RemoveSubscriptions {
            conn_id,
            removed,
            is_taken_back: false,
        };
        self.needs.users.tell(user, IfAbsent::Skip, remove);
    }

    /// Attaches the transport that listens, if there is one, to channels that were added.
    pub(super) fn listen_to(&mut self, life_number: u64, added: Vec<ChannelName>) {
        let (conn_id, channels) = (self.conn_id(), self.needs.channels.clone());
        let Some(life) = self.life(life_number) else {
            return;
        };
        let Some((generation, outlet)) = life.outlet() else {
            return;
        };
        let is_still_in = |channel: &ChannelName| life.core.channels().contains(channel);
        for channel in added.into_iter().filter(is_still_in) {
            let attach = Attach {
                conn_id,
                generation,
                outlet: outlet.clone(),
                reason: AttachReason::Subscribed,
            };
            channels.tell(channel, IfAbsent::Skip, attach);
        }
    }
}
