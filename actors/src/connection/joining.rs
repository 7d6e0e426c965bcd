//! The handler by which a client joins channels by itself.

use actix::prelude::*;

use crate::connection::{Connection, Join};
use crate::directory::IfAbsent;
use crate::error::{NotDone, Unknown};
use crate::name::ChannelName;
use crate::user::{AddJoined, FindJoinable};

impl Handler<Join> for Connection {
    type Result = ResponseActFuture<Self, Result<Vec<ChannelName>, NotDone>>;

    /// Asks the user which of the channels the client may join, and then joins those.
    fn handle(&mut self, Join { channels }: Join, _: &mut Context<Self>) -> Self::Result {
        let life_number = self.life_number;
        let Some(life) = &self.life else {
            return Box::pin(actix::fut::ready(Err(Unknown.into())));
        };
        let user = life.core.user().clone();
        let find = FindJoinable(channels.clone());
        let asked = self.needs.users.ask(user, IfAbsent::Skip, find);
        self.unanswered += 1;
        let joined = asked
            .into_actor(self)
            .then(move |joinable, connection, _| {
                connection.join(life_number, joinable.unwrap_or_default())
            })
            .map(move |joined, connection, _| {
                connection.unanswered -= 1;
                connection.stop_if_ended();
                joined?;
                let life = connection.life(life_number).ok_or(Unknown)?;
                let is_in = |channel: &ChannelName| life.core.channels().contains(channel);
                Ok(channels.into_iter().filter(is_in).collect())
            });
        Box::pin(joined)
    }
}

impl Connection {
    /// Joins channels, except those that the application has taken back in this moment.
    fn join(
        &mut self,
        life_number: u64,
        channels: Vec<ChannelName>,
    ) -> ResponseActFuture<Self, Result<(), NotDone>> {
        if let Err(reached) = self.check_channels(&channels) {
            return Box::pin(actix::fut::ready(Err(reached.into())));
        }
        let conn_id = self.conn_id();
        let Some(life) = self.life(life_number) else {
            return Box::pin(actix::fut::ready(Err(Unknown.into())));
        };
        let added = life.core.subscribe(channels);
        let user = life.core.user().clone();
        let add = AddJoined {
            conn_id,
            added: added.clone(),
        };
        self.note();
        let asked = self.needs.users.ask(user, IfAbsent::Skip, add);
        self.answer_after(asked, move |answer, connection| {
            let (positions, refused) = answer.unwrap_or(Err(Unknown))?;
            if let Some(life) = connection.life(life_number) {
                life.core.unsubscribe(refused);
            }
            connection.note_new_places(life_number, positions);
            connection.listen_to(life_number, added);
            Ok(())
        })
    }
}
