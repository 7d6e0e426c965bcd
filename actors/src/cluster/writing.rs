//! The operations on messages when Redis decides.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;

use crate::cluster::Cluster;
use crate::cluster::subscribing::{ATTEMPTS, not_encoded};
use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::Call;
use crate::directory::IfAbsent;
use crate::error::Refused;
use crate::following::{AwaitCopy, FindMessage, FoundMessage, ReadAnew};
use crate::name::{LogName, MessageId};
use crate::protocol::message::{Address, Deletion, Destination, Message, Patch};
use crate::store::redis::content;

/// A change of a message that was published before.
pub(crate) enum Rewriting {
    /// An edit.
    Edit(Patch),
    /// A deletion.
    Deletion(Deletion),
}

impl Cluster {
    /// Publishes messages in their order. When this returns, each is ordered and kept. With
    /// `is_once` a message that was published lately is not published again.
    pub(crate) async fn publish(
        &self,
        messages: &[Arc<Message>],
        is_once: bool,
    ) -> Result<(), Refused> {
        let mut posts = Vec::new();
        for message in messages {
            for log in logs_of(&message.address) {
                let content = match &log {
                    LogName::Channel(_) => content::write_message(message),
                    LogName::User(user) => content::write_private_message(message, user),
                };
                posts.push(self.node.make(Call::Post {
                    log,
                    message: content.map_err(not_encoded)?,
                    is_for_history: !message.address.no_history,
                    once: is_once.then_some(message.uuid),
                }));
            }
        }
        for answer in join_all(posts).await {
            // A log that Redis has lost is made again by the nodes whose clients hear it.
            if answer? == Answer::Done && self.node.is_in_doubt() {
                return Err(Refused::TRY_AGAIN);
            }
        }
        Ok(())
    }

    /// Edits or deletes messages in the given order.
    pub(crate) async fn rewrite(&self, changes: Vec<Rewriting>) -> Result<(), Refused> {
        for change in changes {
            for log in logs_of(change.address()) {
                self.rewrite_in(log, &change).await?;
            }
        }
        Ok(())
    }

    /// Edits or deletes a message in one log.
    async fn rewrite_in(&self, log: LogName, change: &Rewriting) -> Result<(), Refused> {
        // Reading a log that does not exist would make it.
        if self.existing(vec![log.clone()]).await?.is_empty() {
            return Ok(());
        }
        for _ in 0..ATTEMPTS {
            let FoundMessage { message, revision } = self.find(&log, change.id()).await;
            let offset = message.as_ref().map(|(offset, _)| *offset);
            let event = change.event().map_err(not_encoded)?;
            let call = Call::Rewrite {
                log: log.clone(),
                offset,
                seen: revision,
                message: match message {
                    Some((_, message)) => change.content(&log, &message).map_err(not_encoded)?,
                    None => None,
                },
                event,
            };
            if self.node.make(call).await? != Answer::Changed {
                return Ok(());
            }
            self.read_anew(&log);
        }
        Err(Refused::TRY_AGAIN)
    }

    /// Finds a message in the copy of a log.
    async fn find(&self, log: &LogName, id: MessageId) -> FoundMessage {
        let find = FindMessage(id);
        let found = match log {
            LogName::Channel(name) => {
                let copy = (self.channels).ask(name.clone(), IfAbsent::Create, AwaitCopy);
                copy.await;
                self.channels.ask(name.clone(), IfAbsent::Skip, find).await
            }
            LogName::User(name) => {
                let copy = (self.users).ask(name.clone(), IfAbsent::Create, AwaitCopy);
                copy.await;
                self.users.ask(name.clone(), IfAbsent::Skip, find).await
            }
        };
        found.unwrap_or_default()
    }

    /// Lets the copy of a log be read anew.
    fn read_anew(&self, log: &LogName) {
        match log {
            LogName::Channel(name) => self.channels.tell(name.clone(), IfAbsent::Skip, ReadAnew),
            LogName::User(name) => self.users.tell(name.clone(), IfAbsent::Skip, ReadAnew),
        }
    }
}

impl Rewriting {
    fn address(&self) -> &Address {
        match self {
            Self::Edit(patch) => &patch.address,
            Self::Deletion(deletion) => &deletion.address,
        }
    }

    fn id(&self) -> MessageId {
        match self {
            Self::Edit(patch) => patch.uuid,
            Self::Deletion(deletion) => deletion.uuid,
        }
    }

    /// Returns what clients are told.
    fn event(&self) -> serde_json::Result<Bytes> {
        match self {
            Self::Edit(patch) => content::write_edit(patch),
            Self::Deletion(deletion) => content::write_deletion(deletion),
        }
    }

    /// Returns what is left of the message in a log; `None` if it is deleted.
    fn content(&self, log: &LogName, message: &Message) -> serde_json::Result<Option<Bytes>> {
        let Self::Edit(patch) = self else {
            return Ok(None);
        };
        let edited = patch.applied_to(message);
        let content = match log {
            LogName::Channel(_) => content::write_message(&edited),
            LogName::User(user) => content::write_private_message(&edited, user),
        };
        content.map(Some)
    }
}

/// Returns the logs to which an address sends a message.
fn logs_of(address: &Address) -> Vec<LogName> {
    match address.destination() {
        Destination::Channel(channel) => vec![channel.into()],
        Destination::Users(users) => users.into_iter().map(LogName::User).collect(),
        Destination::Nobody => Vec::new(),
    }
}
