//! What the broker does with messages: publish, edit, delete; and once only, where a caller asks for it.

use std::sync::Arc;

use actix::prelude::*;
use bytestring::ByteString;
use futures_util::future::join_all;

use super::{Broker, RETRY_AFTER};
use crate::channel::Channel;
use crate::core::channel::Publication;
use crate::directory::{Absent, Forwarded, Shared, tell};
use crate::error::Refused;
use crate::ledger::{Claim, Claimed, Settle};
use crate::name::MessageId;
use crate::posting::{Delete, Edit, Publish};
use crate::protocol::message::{Deletion, Destination, Draft, Message, Patch};
use crate::protocol::timestamp::Moment;
use crate::user::User;

/// What became of a call with an `Idempotency-Key`.
#[derive(Debug)]
pub enum Once {
    /// Its answer, now or from the first time.
    Answer(ByteString),
    /// The key was used for another body.
    OtherBody,
}

impl Broker {
    /// Publishes drafts in their order; answers them as accepted, without those that go nowhere. When this returns each is ordered
    /// and kept, and on its way to all who listen.
    ///
    /// # Errors
    /// When too much is under way; then none was published.
    pub async fn publish(&self, drafts: Vec<Draft>) -> Result<Vec<Arc<Message>>, Refused> {
        let now = Moment::now();
        let addressed = drafts.into_iter().filter(|draft| !draft.address.leads_nowhere());
        let messages: Vec<_> = addressed.map(|draft| Arc::new(accepted(draft, now))).collect();
        let runs = runs(messages.iter().cloned());
        self.visit(runs.into_iter().map(|(place, publications)| (place, Publish(publications))).collect()).await?;
        self.counters().count_messages(messages.len());
        Ok(messages)
    }

    /// Edits messages, in their order.
    ///
    /// # Errors
    /// When too much is under way; then none was edited.
    pub async fn edit(&self, patches: Vec<Patch>) -> Result<(), Refused> {
        self.visit(patches.into_iter().map(|patch| (patch.address.destination(), Edit(patch))).collect()).await
    }

    /// Deletes messages, in their order.
    ///
    /// # Errors
    /// When too much is under way; then none was deleted.
    pub async fn delete(&self, deletions: Vec<Deletion>) -> Result<(), Refused> {
        self.visit(deletions.into_iter().map(|deletion| (deletion.address.destination(), Delete(deletion))).collect()).await
    }

    /// Visits the places one after the other, so that one who listens at several of them gets what a call says in its order.
    async fn visit<M>(&self, visits: Vec<(Destination, M)>) -> Result<(), Refused>
    where
        M: actix::Message<Result = ()> + Clone + Send + 'static,
        Channel: Handler<Forwarded<M>>,
        User: Handler<Forwarded<M>>,
    {
        let pending = self.begin()?;
        let shared = self.shared.clone();
        let visits = match <[_; 1]>::try_from(visits) {
            Ok([(destination, message)]) => {
                // It is on its way before there is anything to wait for: a caller that hangs up changes nothing.
                carry(&shared, destination, message).await;
                return Ok(());
            }
            Err(visits) => visits,
        };
        let steps = async move {
            let _pending = pending;
            for (destination, message) in visits {
                carry(&shared, destination, message).await;
            }
        };
        // It ends early only when the server stops; there is nothing to do about that.
        let _ = actix::spawn(steps).await;
        Ok(())
    }

    /// Runs `call` unless a call with this key and body was made before; then answers what that one answered. A caller that hangs up
    /// does not stop it: its repeat shall find the answer.
    ///
    /// # Errors
    /// Those of `call`; the key is free again then.
    pub async fn once<E: From<Refused> + 'static>(
        &self,
        key: String,
        digest: [u8; 20],
        call: impl Future<Output = Result<ByteString, E>> + 'static,
    ) -> Result<Once, E> {
        let ledger = self.ledger.get().cloned().ok_or(Refused { retry_after: RETRY_AFTER })?;
        let steps = async move {
            match ledger.send(Claim { key: key.clone(), digest }).await {
                Ok(Claimed::Done(answer)) => return Ok(Once::Answer(answer)),
                Ok(Claimed::OtherBody) => return Ok(Once::OtherBody),
                Ok(Claimed::First) => {}
                Err(_) => return Err(Refused { retry_after: RETRY_AFTER }.into()),
            }
            let answer = call.await;
            tell(&ledger, Settle { key, answer: answer.as_ref().ok().cloned() });
            answer.map(Once::Answer)
        };
        actix::spawn(steps).await.unwrap_or_else(|_| Err(Refused { retry_after: RETRY_AFTER }.into()))
    }
}

async fn carry<M>(shared: &Shared, destination: Destination, message: M)
where
    M: actix::Message<Result = ()> + Clone + Send + 'static,
    Channel: Handler<Forwarded<M>>,
    User: Handler<Forwarded<M>>,
{
    match destination {
        Destination::Nowhere => {}
        Destination::Channel(channel) => {
            shared.ask::<Channel, _>(channel, Absent::Skip, message).await;
        }
        Destination::Users(users) => {
            join_all(users.into_iter().map(|user| shared.ask::<User, _>(user, Absent::Skip, message.clone()))).await;
        }
    }
}

fn accepted(draft: Draft, now: Moment) -> Message {
    Message {
        address: draft.address,
        uuid: draft.uuid.unwrap_or_else(MessageId::random),
        timestamp: draft.timestamp.unwrap_or_else(|| now.into()),
        user: draft.user,
        message: draft.message,
        edited: None,
    }
}

/// Messages that follow one another to the same place travel together.
fn runs(messages: impl Iterator<Item = Arc<Message>>) -> Vec<(Destination, Vec<Publication>)> {
    let mut runs: Vec<(Destination, Vec<Publication>)> = Vec::new();
    for message in messages {
        let destination = message.address.destination();
        let publication = Publication::new(message);
        match runs.last_mut() {
            Some((last, publications)) if *last == destination => publications.push(publication),
            _ => runs.push((destination, vec![publication])),
        }
    }
    runs
}
