//! The behaviour of channels and users in a cluster. Redis has the truth. The log of the actor is a
//! copy, which is read once and then follows the feed.
//!
//! The copy may be ahead of the feed that this node has handed on. Nothing is delivered from it
//! before the node has come as far, because the node may not know yet that a client has left the
//! channel.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::copies;
use crate::core::cluster::answer::{Answer, Item, Loaded, Member};
use crate::core::cluster::call::{Call, FeedId};
use crate::core::cluster::follower::{Follow, Follower};
use crate::core::cursor::{Cursor, Generation};
use crate::core::log::Located;
use crate::delivery::{AttachAt, Began, DetachFrom, LastRead};
use crate::name::{ConnId, LogName, MessageId};
use crate::position::Epoch;
use crate::posting::{HasLog, LogActor};
use crate::protocol::config::ChannelConfig;
use crate::protocol::message::Message as PublishedMessage;
use crate::store::redis::content::Content;
use crate::store::redis::node::Node;

/// The wait before a log is read again after Redis could not be asked.
const LOAD_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Tells the actor of an entry of the feed. Sent by the reader of the feed.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub(crate) struct FollowFeed {
    pub(crate) id: FeedId,
    pub(crate) change: Change,
}

/// What an entry of the feed says of a log.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// An entry was appended.
    Appended(Epoch, Item<Bytes>),
    /// A user has come, left or changed.
    Member(Member<Bytes>),
    /// The settings of the channel have changed.
    Configured(ChannelConfig),
    /// Entries may be lost, so the log must be read anew.
    Distrusted,
}

/// Asks for an answer once the copy of the log may be used. Sent by those who then ask about it.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct AwaitCopy;

/// Asks for a message that is to be edited or deleted. Sent after [`AwaitCopy`].
#[derive(Message, Clone, Copy)]
#[rtype(result = "FoundMessage")]
pub(crate) struct FindMessage(pub(crate) MessageId);

/// A message that is to be edited or deleted.
#[derive(Clone, Debug, Default, actix::dev::MessageResponse)]
pub(crate) struct FoundMessage {
    /// The message and its offset; `None` if it is not kept any more.
    pub(crate) message: Option<(u64, Arc<PublishedMessage>)>,
    /// The revision of the log.
    pub(crate) revision: u64,
}

/// Reads the log anew, because another node has changed it. Sent before [`AwaitCopy`].
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct ReadAnew;

/// The copy of a log, as its actor knows it.
pub(crate) struct Following {
    node: Node,
    log: LogName,
    follower: Follower,
    /// The offset of the latest edit or deletion.
    revision: u64,
    is_loading: bool,
    waiting: Vec<Waiting>,
}

/// Somebody who waits until the copy may be used.
enum Waiting {
    Copy(oneshot::Sender<()>),
    Attach(Box<AttachAt>, oneshot::Sender<Began>),
}

impl Following {
    /// Creates the following of a log that has not been read yet.
    pub(crate) fn new(node: Node, log: LogName) -> Self {
        Self {
            node,
            log,
            follower: Follower::new(),
            revision: 0,
            is_loading: false,
            waiting: Vec::new(),
        }
    }

    /// Returns whether the copy may be used.
    pub(crate) fn is_usable(&self) -> bool {
        self.follower.log(self.node.handed_on()).is_some()
    }

    /// Returns whether somebody waits until the copy may be used.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Returns the revision of the log.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns the cursor of a transport that begins.
    fn cursor(&self, attach: &AttachAt, end: u64, oldest: u64) -> Cursor {
        let (offset, is_lost) = match self.follower.locate(attach.position) {
            Some(Located::Here(offset) | Located::Before(offset)) => (offset, false),
            Some(Located::Beyond(offset)) => (offset, true),
            None if attach.is_new => (end, false),
            None => (oldest, true),
        };
        Cursor::restored(offset.min(end), attach.is_new, is_lost)
    }
}

/// An actor whose log may be a copy of one in Redis.
pub(crate) trait FollowingActor: LogActor {
    /// Returns the following; `None` if this actor decides by itself.
    fn following(&mut self) -> Option<&mut Following>;

    /// Replaces the core by what was read.
    fn install(&mut self, loaded: Loaded<Bytes>);

    /// Applies a change of something else than the log.
    fn apply(&mut self, change: Change);

    /// Called when a transport was attached or detached.
    fn audience_changed(&mut self) {}

    /// Follows an entry of the feed.
    fn follow(&mut self, FollowFeed { id, change }: FollowFeed, context: &mut Context<Self>) {
        let Some(following) = self.following() else {
            return;
        };
        match change {
            Change::Appended(epoch, item) => {
                if following.follower.follow(id, (epoch, item.offset)) == Follow::Append {
                    self.append(id, epoch, &item, context);
                    if self.may_deliver() {
                        let (_, delivery) = self.parts();
                        let wakeup = delivery.defer();
                        self.deliver_at(wakeup, context);
                    }
                }
            }
            Change::Distrusted => following.follower.distrust(id),
            change => {
                if following.follower.is_news(id) {
                    self.catch_up(context);
                    self.apply(change);
                }
            }
        }
        self.load_if_needed(context);
    }

    /// Appends an entry to the copy. If this version cannot read it, the copy is made anew behind
    /// it, and clients are told of a gap.
    fn append(
        &mut self,
        id: FeedId,
        epoch: Epoch,
        item: &Item<Bytes>,
        context: &mut Context<Self>,
    ) {
        let Some(content) = copies::content_of(item) else {
            if let Some(following) = self.following() {
                following.follower.distrust(id);
            }
            return;
        };
        if matches!(content, Content::Edit(_) | Content::Deletion(_)) {
            // Entries before the change are delivered as they were then.
            self.catch_up(context);
            if let Some(following) = self.following() {
                following.revision = item.offset;
            }
        }
        let Some(following) = self.following() else {
            return;
        };
        let log = following.log.clone();
        let at = copies::moment(item.at);
        let (core, _) = self.parts();
        match content {
            Content::Edit(patch) => core.edit(&patch, at),
            Content::Deletion(deletion) => core.delete(&deletion, at),
            content => core.follow(copies::entry_of(&log, epoch, item, content)),
        }
    }

    /// Reads the log if the copy is of no use and somebody needs it. A log that nobody needs is not
    /// read, since reading makes one that was forgotten.
    fn load_if_needed(&mut self, context: &mut Context<Self>) {
        let (_, delivery) = self.parts();
        let is_unheard = delivery.is_empty();
        let Some(following) = self.following() else {
            return;
        };
        let is_unneeded = is_unheard && !following.is_awaited();
        if is_unneeded || following.is_loading || !following.follower.must_load() {
            return;
        }
        following.is_loading = true;
        let call = Call::Load {
            log: following.log.clone(),
        };
        let asked = following.node.make_patiently(call).into_actor(self);
        context.spawn(asked.then(|outcome, actor, _| {
            let wait = match outcome {
                Ok(_) => Duration::ZERO,
                Err(_) => LOAD_AGAIN_AFTER,
            };
            sleep(wait)
                .into_actor(actor)
                .map(|(), actor, context| match outcome {
                    Ok(Answer::Loaded(loaded)) => actor.loaded(loaded, context),
                    _ => actor.load_again(context),
                })
        }));
    }

    /// Reads the log again.
    fn load_again(&mut self, context: &mut Context<Self>) {
        if let Some(following) = self.following() {
            following.is_loading = false;
            self.load_if_needed(context);
        }
    }

    /// Takes what was read as the copy, unless it is too old.
    fn loaded(&mut self, loaded: Loaded<Bytes>, context: &mut Context<Self>) {
        let Some(following) = self.following() else {
            return;
        };
        let (fed, revision) = (loaded.fed, loaded.revision);
        following
            .follower
            .loaded(loaded.log.clone(), loaded.whole_since, fed);
        if following.follower.must_load() {
            return self.load_again(context);
        }
        (following.is_loading, following.revision) = (false, revision);
        let (node, follower) = (following.node.clone(), following.follower.clone());
        let (core, _) = self.parts();
        let former = core.log().epoch();
        self.install(loaded);
        let (core, delivery) = self.parts();
        delivery.relocate(former, |position| follower.locate(position), core.log());
        let come_as_far = async move { node.wait_for(fed).await };
        context.spawn(
            come_as_far
                .into_actor(self)
                .map(|(), actor, context| actor.use_copy(context)),
        );
    }

    /// Delivers from the copy, and lets everybody go on who waits for it, if it may be used now.
    fn use_copy(&mut self, context: &mut Context<Self>) {
        let Some(following) = self.following().filter(|it| it.is_usable()) else {
            return;
        };
        let waiting = std::mem::take(&mut following.waiting);
        let (core, delivery) = self.parts();
        delivery.deliver_all(core.log());
        self.ask_for_capacity(context);
        for waiting in waiting {
            // An error means that nobody waits any more.
            match waiting {
                Waiting::Copy(reply) => drop(reply.send(())),
                Waiting::Attach(attach, reply) => {
                    if let Some(began) = self.attach_at(*attach, context) {
                        reply.send(began).ok();
                    }
                }
            }
        }
    }

    /// Answers once the copy may be used.
    fn await_copy(&mut self, context: &mut Context<Self>) -> ResponseFuture<()> {
        let (reply, is_usable) = oneshot::channel();
        match self.following() {
            Some(following) if !following.is_usable() => {
                following.waiting.push(Waiting::Copy(reply));
                self.load_if_needed(context);
            }
            _ => drop(reply.send(())),
        }
        Box::pin(async { is_usable.await.unwrap_or_default() })
    }

    /// Attaches a transport, once the copy may be used.
    fn attach_when_usable(
        &mut self,
        attach: AttachAt,
        context: &mut Context<Self>,
    ) -> ResponseFuture<Option<Began>> {
        let (reply, began) = oneshot::channel();
        match self.following() {
            Some(following) if !following.is_usable() => {
                let waiting = Waiting::Attach(Box::new(attach), reply);
                following.waiting.push(waiting);
                self.load_if_needed(context);
            }
            _ => {
                if let Some(began) = self.attach_at(attach, context) {
                    reply.send(began).ok();
                }
            }
        }
        Box::pin(async { began.await.ok() })
    }

    /// Attaches a transport.
    fn attach_at(&mut self, attach: AttachAt, context: &mut Context<Self>) -> Option<Began> {
        self.catch_up(context);
        let (core, _) = self.parts();
        let (end, oldest) = (core.log().end(), core.log().oldest_position());
        let cursor = self.following()?.cursor(&attach, end, oldest);
        let (core, delivery) = self.parts();
        let began = delivery.attach_at(cursor, attach, core.log());
        self.audience_changed();
        self.ask_for_capacity(context);
        Some(began)
    }

    /// Detaches a transport, which may still wait to be attached.
    fn detach_from(&mut self, detach: DetachFrom, context: &mut Context<Self>) -> Option<LastRead> {
        let is_of = |conn_id: ConnId, generation: Generation| {
            conn_id == detach.conn_id && generation == detach.generation
        };
        self.following()?.waiting.retain(|waiting| match waiting {
            Waiting::Attach(attach, _) => !is_of(attach.conn_id, attach.generation),
            Waiting::Copy(_) => true,
        });
        self.catch_up(context);
        let (core, delivery) = self.parts();
        let last_read = delivery.detach_from(&detach, core.log());
        self.audience_changed();
        last_read
    }

    /// Reads the log anew.
    fn read_anew(&mut self, context: &mut Context<Self>) {
        if let Some(following) = self.following() {
            let now = following.node.handed_on();
            following.follower.read_anew(now);
            self.load_if_needed(context);
        }
    }
}

/// Implements the handlers of an actor whose log may be a copy. This is a macro, because a blanket
/// `impl` of a foreign trait is not allowed.
macro_rules! impl_following_handlers {
    ($actor:ty) => {
        impl actix::Handler<$crate::following::FollowFeed> for $actor {
            type Result = ();

            fn handle(
                &mut self,
                news: $crate::following::FollowFeed,
                context: &mut actix::Context<Self>,
            ) {
                self.follow(news, context);
            }
        }

        impl actix::Handler<$crate::following::AwaitCopy> for $actor {
            type Result = actix::ResponseFuture<()>;

            fn handle(
                &mut self,
                _: $crate::following::AwaitCopy,
                context: &mut actix::Context<Self>,
            ) -> Self::Result {
                self.await_copy(context)
            }
        }

        impl actix::Handler<$crate::following::ReadAnew> for $actor {
            type Result = ();

            fn handle(
                &mut self,
                _: $crate::following::ReadAnew,
                context: &mut actix::Context<Self>,
            ) {
                self.read_anew(context);
            }
        }

        impl actix::Handler<$crate::following::FindMessage> for $actor {
            type Result = $crate::following::FoundMessage;

            fn handle(
                &mut self,
                $crate::following::FindMessage(id): $crate::following::FindMessage,
                _: &mut actix::Context<Self>,
            ) -> Self::Result {
                let revision = self.following.as_ref().map(Following::revision);
                $crate::following::FoundMessage {
                    message: self.core.find(id),
                    revision: revision.unwrap_or_default(),
                }
            }
        }

        impl actix::Handler<$crate::delivery::AttachAt> for $actor {
            type Result = actix::ResponseFuture<Option<$crate::delivery::Began>>;

            fn handle(
                &mut self,
                attach: $crate::delivery::AttachAt,
                context: &mut actix::Context<Self>,
            ) -> Self::Result {
                self.attach_when_usable(attach, context)
            }
        }

        impl actix::Handler<$crate::delivery::DetachFrom> for $actor {
            type Result = actix::MessageResult<$crate::delivery::DetachFrom>;

            fn handle(
                &mut self,
                detach: $crate::delivery::DetachFrom,
                context: &mut actix::Context<Self>,
            ) -> Self::Result {
                actix::MessageResult(self.detach_from(detach, context))
            }
        }
    };
}

pub(crate) use impl_following_handlers;
