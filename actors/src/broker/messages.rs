//! The operations on messages: publishing, editing and deleting them.

use std::sync::Arc;

use actix::prelude::*;

use crate::broker::Broker;
use crate::channel::Channel;
use crate::cluster::writing::Rewriting;
use crate::core::publication::Publication;
use crate::counters::Counted;
use crate::directories::SLICE;
use crate::directory::{Forwarded, IfAbsent};
use crate::error::Refused;
use crate::ledger::Claim;
use crate::name::{ChannelName, MessageId};
use crate::posting::{Delete, Edit, Publish};
use crate::protocol::event::EventBody;
use crate::protocol::message::{Deletion, Destination, Draft, Message, MessageMemory, Patch};
use crate::protocol::timestamp::Moment;
use crate::user::User;

/// An attempt to publish messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Attempt {
    /// The only one.
    Only,
    /// The first one of a call that happens once.
    First,
    /// Another one of a call that happens once.
    Repeat,
}

impl Broker {
    /// Publishes drafts in their order. Returns the accepted messages, without the drafts that have
    /// no recipient. When this returns, each message is ordered and kept, and is on its way to all
    /// subscribers that listen.
    ///
    /// # Errors
    /// Fails when too many calls are pending, or while the memory is full. Then nothing was
    /// published. Fails too when the store could not keep the messages; [`Refused::outcome`] then
    /// says so.
    pub async fn publish(&self, drafts: Vec<Draft>) -> Result<Vec<Arc<Message>>, Refused> {
        let now = Moment::now();
        let accept = |draft| self.accepted(draft, now, MessageId::random);
        let messages = addressed(drafts).map(accept).map(Arc::new).collect();
        let messages = self.publish_accepted(messages, Attempt::Only).await?;
        self.wait_until_kept().await?;
        Ok(messages)
    }

    /// Publishes drafts as [`publish`](Self::publish) does, for a call that happens once. Drafts
    /// that the same call has published before a restart are not published again. The messages are
    /// kept when [`once`](Self::once) returns.
    ///
    /// # Errors
    /// Fails when too many calls are pending, or while the memory is full. Then nothing was
    /// published.
    pub async fn publish_once(
        &self,
        drafts: Vec<Draft>,
        claim: Claim,
    ) -> Result<Vec<Arc<Message>>, Refused> {
        let accept = |(number, draft)| self.accepted(draft, claim.begun_at, || claim.id(number));
        let messages = (0..)
            .zip(addressed(drafts))
            .map(accept)
            .map(Arc::new)
            .collect();
        let attempt = if claim.is_repeat {
            Attempt::Repeat
        } else {
            Attempt::First
        };
        self.publish_accepted(messages, attempt).await
    }

    async fn publish_accepted(
        &self,
        messages: Vec<Arc<Message>>,
        attempt: Attempt,
    ) -> Result<Vec<Arc<Message>>, Refused> {
        self.memory().accepts()?;
        let call = Arc::new(self.begin()?);
        self.counters().count_messages(messages.len());
        messages.iter().for_each(|message| log_accepted(message));
        if let Some(cluster) = self.cluster.clone() {
            let (to_publish, is_once) = (messages.clone(), attempt != Attempt::Only);
            let published =
                async move { Some(Box::pin(cluster.publish(&to_publish, is_once)).await) };
            let published = Self::wait(call, published).await;
            published.unwrap_or(Err(Refused::TRY_AGAIN))?;
            return Ok(messages);
        }
        let groups = group_by_destination(messages.iter().cloned());
        let count = groups.len();
        let publish = |(number, (destination, publications))| {
            let publish = Publish {
                publications,
                more_follows: number < count,
                call: call.clone(),
                is_repeat: attempt == Attempt::Repeat,
            };
            (destination, publish)
        };
        let mut sends: Vec<_> = (1..).zip(groups).map(publish).collect();
        // A single message is sent before the first wait, so a caller that hangs up cannot stop it,
        // and it needs no task of its own.
        if let [(Destination::Channel(_), _)] = sends.as_slice()
            && let Some((destination, publish)) = sends.pop()
        {
            send(self, destination, publish).await;
        } else {
            self.send_in_order(sends, call).await;
        }
        Ok(messages)
    }

    /// Makes a message from a draft, and fills in the values that the caller left open.
    fn accepted(&self, draft: Draft, now: Moment, id: impl FnOnce() -> MessageId) -> Message {
        let mut message = Message {
            address: draft.address,
            uuid: draft.uuid.unwrap_or_else(id),
            timestamp: draft.timestamp.unwrap_or_else(|| now.into()),
            user: draft.user,
            message: draft.message,
            edited: None,
            held: MessageMemory::default(),
        };
        let size = message.size() + EventBody::most_size(message.message.as_ref());
        message.held = self.memory().hold_message(size).into();
        message
    }

    /// Edits messages in the given order.
    ///
    /// # Errors
    /// Fails when too many calls are pending, or while the memory is full. Then nothing was edited.
    /// Fails too when the store could not keep the edits; [`Refused::outcome`] then says so.
    pub async fn edit(&self, patches: Vec<Patch>) -> Result<(), Refused> {
        self.memory().accepts()?;
        let call = Arc::new(self.begin()?);
        if let Some(cluster) = self.cluster.clone() {
            let changes = patches.into_iter().map(Rewriting::Edit).collect();
            let edited = async move { Some(Box::pin(cluster.rewrite(changes)).await) };
            let edited = Self::wait(call, edited).await;
            return edited.unwrap_or(Err(Refused::TRY_AGAIN));
        }
        self.send_in_order(
            patches
                .into_iter()
                .map(|patch| (patch.address.destination(), Edit(patch)))
                .collect(),
            call,
        )
        .await;
        self.wait_until_kept().await
    }

    /// Deletes messages in the given order.
    ///
    /// # Errors
    /// Fails when too many calls are pending. Then nothing was deleted. Fails too when the store
    /// could not keep the deletions; [`Refused::outcome`] then says so.
    pub async fn delete(&self, deletions: Vec<Deletion>) -> Result<(), Refused> {
        let call = Arc::new(self.begin()?);
        if let Some(cluster) = self.cluster.clone() {
            let changes = deletions.into_iter().map(Rewriting::Deletion).collect();
            let deleted = async move { Some(Box::pin(cluster.rewrite(changes)).await) };
            let deleted = Self::wait(call, deleted).await;
            return deleted.unwrap_or(Err(Refused::TRY_AGAIN));
        }
        self.send_in_order(
            deletions
                .into_iter()
                .map(|deletion| (deletion.address.destination(), Delete(deletion)))
                .collect(),
            call,
        )
        .await;
        self.wait_until_kept().await
    }

    /// Sends messages to their destinations one after the other, so that a client that listens to
    /// several destinations gets the messages in the order of the call. Goes on even if the caller
    /// hangs up.
    async fn send_in_order<M>(&self, sends: Vec<(Destination, M)>, call: Arc<Counted>)
    where
        M: actix::Message<Result = ()> + Clone + Send + 'static,
        Channel: Handler<Forwarded<M>>,
        User: Handler<Forwarded<M>>,
    {
        let broker = self.clone();
        let steps = async move {
            let _call = call;
            for (destination, message) in sends {
                send(&broker, destination, message).await;
            }
        };
        // An error means that the server stops, and then nothing can be done.
        let _ = actix::spawn(steps).await;
    }
}

/// Sends a message to the channel or users of a destination, and waits until it is handled.
async fn send<M>(broker: &Broker, destination: Destination, message: M)
where
    M: actix::Message<Result = ()> + Clone + Send + 'static,
    Channel: Handler<Forwarded<M>>,
    User: Handler<Forwarded<M>>,
{
    match destination {
        Destination::Nobody => {}
        Destination::Channel(channel) => {
            broker.channels.ask(channel, IfAbsent::Skip, message).await;
        }
        Destination::Users(users) => {
            for slice in users.chunks(SLICE) {
                drop(broker.users.ask_all(slice, || message.clone()).await);
            }
        }
    }
}

/// Logs who sent a message and where it goes, but not what it says.
fn log_accepted(
    Message {
        uuid,
        user,
        address,
        ..
    }: &Message,
) {
    let channel = address.channel.as_ref().map_or("", ChannelName::as_str);
    let recipients = address.pm_users.len();
    log::debug!(
        uuid:%, user = user.as_str(), channel, pm_users = recipients;
        "message"
    );
}

/// Returns the drafts that have a recipient.
fn addressed(drafts: Vec<Draft>) -> impl Iterator<Item = Draft> {
    drafts
        .into_iter()
        .filter(|draft| !draft.address.reaches_nobody())
}

/// Groups messages that follow one another and have the same destination.
fn group_by_destination(
    messages: impl Iterator<Item = Arc<Message>>,
) -> Vec<(Destination, Vec<Publication>)> {
    let mut groups: Vec<(Destination, Vec<Publication>)> = Vec::new();
    for message in messages {
        let destination = message.address.destination();
        let publication = Publication::new(message);
        match groups.last_mut() {
            Some((last, publications)) if *last == destination => publications.push(publication),
            _ => groups.push((destination, vec![publication])),
        }
    }
    groups
}
