//! The actor of a connection: whose it is, in which channels, which transport listens for it, and
//! when it ends.
//!
//! It is not on the way of messages: at attach it gives channels and user the outlet, and they send
//! there directly.
//!
//! Everything that begins or ends for a connection begins and ends here and goes down from here in
//! order: a user hears that a connection has ended after it heard that it began, whatever became of
//! the calls in between.

mod life;

use std::future::ready;
use std::time::{Duration, Instant};

use actix::dev::MessageResponse;
use actix::prelude::*;
use tokio::sync::oneshot;

use self::life::{Arrival, Life};
use crate::channel::Channel;
use crate::common::Common;
use crate::core::cursor::Generation;
use crate::core::user::{Connect, Subscriptions};
use crate::directory::{Absent, Directories, Resident, impl_resident_handlers};
use crate::error::{CloseReason, InUse, NotConnected, Refused, Unknown};
use crate::name::{ChannelName, ConnId, UserName};
use crate::outlet::{Attachment, DetachOutlet, Outlet, Report};
use crate::transport::Transport;
use crate::user::{
    AddConnection, AddSubscriptions, Closed, Configs, Connected, RemoveSubscriptions, User,
};

/// Makes the connection the user's, or keeps it if it already is, and puts it into channels. From
/// the broker; creates it.
#[derive(Message)]
#[rtype(result = "Result<Connected, NotConnected>")]
pub(crate) struct Open {
    pub(crate) user: UserName,
    pub(crate) connect: Connect,
    pub(crate) configs: Configs,
}

/// Puts the connection into channels. From the broker.
#[derive(Message)]
#[rtype(result = "Result<Subscriptions, Unknown>")]
pub(crate) struct Subscribe {
    pub(crate) channels: Vec<ChannelName>,
    pub(crate) configs: Configs,
}

/// Takes the connection out of channels. From the broker.
#[derive(Message)]
#[rtype(result = "Result<Subscriptions, Unknown>")]
pub(crate) struct Unsubscribe {
    pub(crate) channels: Vec<ChannelName>,
}

/// Asks whose it is. From the broker.
#[derive(Message)]
#[rtype(result = "Result<UserName, Unknown>")]
pub(crate) struct Who;

/// Asks what it is up to. From the broker.
#[derive(Message)]
#[rtype(result = "Activity")]
pub(crate) struct Inspect;

/// The answer to [`Inspect`].
#[derive(Clone, Copy, Debug, Default, MessageResponse)]
pub(crate) struct Activity {
    /// What listens for it.
    pub(crate) transport: Option<Transport>,
    /// How long ago its last sign of life was.
    pub(crate) silent: Duration,
}

/// A transport wants to listen; the newest wins. From the transport, by the broker; answered when
/// it is attached to all channels.
#[derive(Message)]
#[rtype(result = "Result<Attachment, Unknown>")]
pub(crate) struct AttachOutlet {
    pub(crate) outlet: Outlet,
    /// How far the client says it has read; empty if it says nothing.
    pub(crate) read: Report,
}

/// Ends the connection for good. From the broker. Answers whether there was one.
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct Close(pub(crate) CloseReason);

/// Asks whether its client was sent all there is for it. From the broker, when the server stops.
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct IsServed;

/// What a connection needs of the broker.
#[derive(Clone)]
pub(crate) struct Needs {
    pub(crate) common: Common,
    pub(crate) channels: Directories<Channel>,
    pub(crate) users: Directories<User>,
}

/// The actor.
pub(crate) struct Connection {
    conn_id: ConnId,
    needs: Needs,
    home: Directories<Self>,
    /// `None` before [`Open`] and after the end: then it only waits for the directory to forget it.
    life: Option<Life>,
    /// How many lives there were: an answer that comes late must not change the next one.
    lives: u64,
    /// Of the latest transport.
    generation: Generation,
    /// How many messages came through the directory.
    handled: u64,
    /// How many of them are not answered yet.
    unanswered: usize,
}

impl Resident for Connection {
    type Name = ConnId;
    type Needs = Needs;

    fn count(&mut self) {
        self.handled += 1;
    }

    fn after_message(&mut self) {
        self.forget();
    }

    fn open(conn_id: ConnId, needs: &Needs, home: &Directories<Self>) -> Self {
        let (needs, home) = (needs.clone(), home.clone());
        Self {
            conn_id,
            needs,
            home,
            life: None,
            lives: 0,
            generation: Generation::default(),
            handled: 0,
            unanswered: 0,
        }
    }
}

impl Actor for Connection {
    type Context = Context<Self>;
}

impl Connection {
    /// Looks again when the deadline may have come. One timer, which sleeps through all signs of
    /// life in between.
    fn watch_deadline(&self, wait: Duration, context: &mut Context<Self>) {
        let lives = self.lives;
        context.run_later(wait, move |connection, context| {
            let Some(life) = connection
                .life
                .as_ref()
                .filter(|_| connection.lives == lives)
            else {
                return;
            };
            let deadline = life.last_sign_of_life() + connection.needs.common.limits().idle;
            match deadline.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => connection.watch_deadline(left, context),
                _ => {
                    connection.close(CloseReason::Idle);
                    connection.forget();
                }
            }
        });
    }

    fn close(&mut self, reason: CloseReason) -> bool {
        let Some(life) = self.life.take() else {
            return false;
        };
        let user = life.user.as_str();
        log::debug!(
            "disconnected: connection={} user={user:?} reason={:?}",
            self.conn_id.short(),
            reason.reason()
        );
        // When the server stops, all users go, and those who are still here need not hear of each.
        if !matches!(reason, CloseReason::Restart { .. }) {
            self.needs.users.tell(
                life.user.clone(),
                Absent::Skip,
                Closed {
                    conn_id: self.conn_id,
                },
            );
        }
        life.shut(reason, self.needs.common.limits().close_grace);
        true
    }

    /// Asks the directory to forget it if it has ended and has nothing left to answer.
    fn forget(&self) {
        if self.life.is_none() && self.unanswered == 0 {
            self.home.idle(self.conn_id, self.handled);
        }
    }

    /// Answers a message when `asked` is known. Until then the actor does not go, even if its
    /// connection ends.
    fn answer_after<T: 'static, R: 'static>(
        &mut self,
        asked: impl Future<Output = T> + 'static,
        answer: impl FnOnce(T, &mut Self) -> R + 'static,
    ) -> ResponseActFuture<Self, R> {
        self.unanswered += 1;
        Box::pin(asked.into_actor(self).map(|asked, connection, _| {
            let answer = answer(asked, connection);
            connection.unanswered -= 1;
            connection.forget();
            answer
        }))
    }

    /// Returns the life that an answer is for, unless it has ended meanwhile.
    fn life(&mut self, lives: u64) -> Option<&mut Life> {
        self.life.as_mut().filter(|_| self.lives == lives)
    }
}

impl_resident_handlers!(Connection);

impl Handler<Open> for Connection {
    type Result = ResponseActFuture<Self, Result<Connected, NotConnected>>;

    fn handle(
        &mut self,
        Open {
            user,
            connect,
            configs,
        }: Open,
        context: &mut Context<Self>,
    ) -> Self::Result {
        match &mut self.life {
            Some(life) if life.user != user => {
                return Box::pin(actix::fut::ready(Err(NotConnected::InUse(InUse))));
            }
            // A client that connects again is here, whatever became of its socket before.
            Some(life) => life.is_back(context),
            None => {
                self.life = Some(Life::new(user.clone()));
                self.lives += 1;
                self.watch_deadline(self.needs.common.limits().idle, context);
            }
        }
        let (conn_id, lives, added) = (self.conn_id, self.lives, connect.channels.clone());
        log::debug!(
            "connected: connection={} user={:?} channels={}",
            conn_id.short(),
            user.as_str(),
            added.len()
        );
        let add = AddConnection {
            conn_id,
            connect,
            configs,
        };
        let asked = self.needs.users.ask(user, Absent::Create, add);
        self.answer_after(asked, move |connected, connection| {
            connection.listen(lives, added);
            connected.ok_or(NotConnected::Refused(Refused::SOON))
        })
    }
}

impl Handler<Subscribe> for Connection {
    type Result = ResponseActFuture<Self, Result<Subscriptions, Unknown>>;

    fn handle(
        &mut self,
        Subscribe { channels, configs }: Subscribe,
        _: &mut Context<Self>,
    ) -> Self::Result {
        let Some(life) = &self.life else {
            return Box::pin(actix::fut::ready(Err(Unknown)));
        };
        let (conn_id, lives) = (self.conn_id, self.lives);
        let add = AddSubscriptions {
            conn_id,
            channels,
            configs,
        };
        let asked = self.needs.users.ask(life.user.clone(), Absent::Skip, add);
        self.answer_after(asked, move |subscriptions, connection| {
            let subscriptions = subscriptions.unwrap_or(Err(Unknown))?;
            connection.listen(lives, subscriptions.changed.clone());
            Ok(subscriptions)
        })
    }
}

impl Handler<Unsubscribe> for Connection {
    type Result = ResponseActFuture<Self, Result<Subscriptions, Unknown>>;

    fn handle(
        &mut self,
        Unsubscribe { channels }: Unsubscribe,
        _: &mut Context<Self>,
    ) -> Self::Result {
        let Some(life) = &self.life else {
            return Box::pin(actix::fut::ready(Err(Unknown)));
        };
        let (conn_id, lives) = (self.conn_id, self.lives);
        let asked = self.needs.users.ask(
            life.user.clone(),
            Absent::Skip,
            RemoveSubscriptions { conn_id, channels },
        );
        self.answer_after(asked, move |subscriptions, connection| {
            let subscriptions = subscriptions.unwrap_or(Err(Unknown))?;
            if let Some(life) = connection.life(lives) {
                for channel in &subscriptions.changed {
                    life.channels.remove(channel);
                }
            }
            Ok(subscriptions)
        })
    }
}

impl Handler<Who> for Connection {
    type Result = Result<UserName, Unknown>;

    fn handle(&mut self, _: Who, _: &mut Context<Self>) -> Self::Result {
        self.life
            .as_ref()
            .map(|life| life.user.clone())
            .ok_or(Unknown)
    }
}

impl Handler<Inspect> for Connection {
    type Result = Activity;

    fn handle(&mut self, _: Inspect, _: &mut Context<Self>) -> Activity {
        self.life.as_ref().map(Life::activity).unwrap_or_default()
    }
}

impl Handler<AttachOutlet> for Connection {
    type Result = ResponseActFuture<Self, Result<Attachment, Unknown>>;

    fn handle(
        &mut self,
        AttachOutlet { outlet, read }: AttachOutlet,
        context: &mut Context<Self>,
    ) -> Self::Result {
        let (reply, attached) = oneshot::channel();
        if self.life.is_some() {
            self.generation = self.generation.next();
            let attachment = Attachment::new(self.generation, context.address().recipient());
            let arrival = Arrival {
                generation: self.generation,
                outlet: outlet.into(),
                read,
                attachment,
                reply,
            };
            self.arrive(arrival, context);
        }
        self.answer_after(attached, |attached, _| attached.map_err(|_| Unknown))
    }
}

impl Handler<DetachOutlet> for Connection {
    type Result = ();

    fn handle(
        &mut self,
        DetachOutlet { generation, end }: DetachOutlet,
        context: &mut Context<Self>,
    ) {
        self.depart(generation, end, context);
    }
}

impl Handler<Close> for Connection {
    type Result = bool;

    fn handle(&mut self, Close(reason): Close, _: &mut Context<Self>) -> bool {
        self.close(reason)
    }
}

impl Handler<IsServed> for Connection {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, _: IsServed, _: &mut Context<Self>) -> Self::Result {
        match &self.life {
            Some(life) => Box::pin(life.is_served(self.conn_id, &self.needs)),
            None => Box::pin(ready(true)),
        }
    }
}
