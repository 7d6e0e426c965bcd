//! The operations on messages when Redis decides.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;

use crate::cluster::Cluster;
use crate::cluster::subscribing::{ATTEMPTS, not_encoded};
use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::Call;
use crate::directory::IfAbsent;
use crate::error::{Outcome, Refused};
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
                posts.push(Call::Post {
                    log,
                    message: content.map_err(not_encoded)?,
                    is_for_history: !message.address.no_history,
                    once: is_once.then_some(message.uuid),
                });
            }
        }
        // All are on their way before the first answer is awaited.
        let posts: Vec<_> = posts.into_iter().map(|post| self.node.make(post)).collect();
        let answers = join_all(posts).await.into_iter();
        outcome_of_all(answers.map(|answer| match answer {
            // A log that Redis has lost is made again by the nodes whose clients hear it.
            Ok(Answer::Done) if self.node.is_in_doubt() => Err(Refused::TRY_AGAIN),
            answer => answer.map(drop),
        }))
    }

    /// Edits or deletes messages in the given order.
    pub(crate) async fn rewrite(&self, changes: Vec<Rewriting>) -> Result<(), Refused> {
        let mut is_begun = false;
        for change in changes {
            for log in logs_of(change.address()) {
                let done = self.rewrite_in(log, &change).await;
                done.map_err(|refused| {
                    if is_begun {
                        refused.after_change()
                    } else {
                        refused
                    }
                })?;
                is_begun = true;
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

/// Returns the outcome of a call that has several parts. If one of them was done and another one
/// was not, the caller must not take it that nothing was done.
fn outcome_of_all(parts: impl Iterator<Item = Result<(), Refused>>) -> Result<(), Refused> {
    let (done, refused): (Vec<_>, Vec<_>) = parts.partition(Result::is_ok);
    let may_be_done =
        |part: &Result<(), Refused>| part.is_err_and(|refused| refused.outcome != Outcome::NotDone);
    let is_begun = !done.is_empty() || refused.iter().any(may_be_done);
    match refused.into_iter().find_map(Result::err) {
        Some(refused) if is_begun => Err(refused.after_change()),
        Some(refused) => Err(refused),
        None => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_which_a_part_was_done_does_not_say_that_nothing_was_done() {
        let (done, not_done) = (Ok(()), Err(Refused::TRY_AGAIN));
        let unknown = Err(Refused::TRY_AGAIN.after_change());
        let outcome = |parts: &[Result<(), Refused>]| outcome_of_all(parts.iter().copied());
        assert_eq!(outcome(&[done, not_done]), unknown);
        assert_eq!(outcome(&[not_done, done]), unknown);
        assert_eq!(outcome(&[not_done, unknown]), unknown);
        assert_eq!(outcome(&[not_done, not_done]), not_done);
        assert_eq!(outcome(&[done, done]), done);
        assert_eq!(outcome(&[]), done);
    }
}
