//! Executes an operation on one broker.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use bytestring::ByteString;
use channelstream_actors::broker::Broker;
use channelstream_actors::broker::once::{CallError, Claim, Once};
use channelstream_actors::core::user::ConnectState;
use channelstream_actors::error::{Outcome, Refused};
use channelstream_actors::name::MessageId;
use channelstream_actors::position::{Epoch, Report};
use channelstream_actors::protocol::info::InfoOptions;
use channelstream_actors::protocol::message::{self, Deletion, Message, Patch};
use channelstream_actors::protocol::timestamp::Moment;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Client;
use crate::operation::{Operation, Recipients};
use crate::side::{Log, Side, channel_name, conn_id, user_name};
use crate::values::{
    address, channel_config, configs, done_drafts, given_id, key_names, names, numbered, payload,
    values,
};

/// An operation, with the things that its numbers have chosen.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) operation: Operation,
    /// The number of the first message that the operation publishes.
    pub(crate) first: usize,
    /// The message that the operation edits or deletes.
    pub(crate) target: Option<(usize, Recipients)>,
    /// The report of a client that attaches, in terms of the memory broker's logs.
    pub(crate) brings: Vec<(Place, u64)>,
    /// The connections that count as absent after the operation, since their transports were lost.
    pub(crate) absent: Vec<usize>,
}

/// A log that a position names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Log(Log),
    /// A log that no longer exists.
    Gone(Epoch),
}

/// The reason why a call with an idempotency key has failed.
#[derive(Debug)]
pub(crate) struct CallFailed(Outcome);

impl From<Refused> for CallFailed {
    fn from(refused: Refused) -> Self {
        Self(refused.outcome)
    }
}

impl CallError for CallFailed {
    fn outcome(&self) -> Outcome {
        self.0
    }
}

/// The messages that a call has published.
pub(crate) type Published = Rc<RefCell<Vec<Arc<Message>>>>;

impl Side {
    /// Executes a step, and returns the answer without what differs between brokers. `brings` is
    /// the position that an attaching client reports.
    pub(crate) async fn perform(&mut self, step: &Step, brings: Report) -> String {
        self.touch(&step.operation).await;
        self.execute(step, brings).await
    }

    /// Executes a step on a broker that may refuse it.
    pub(crate) async fn execute(&mut self, step: &Step, brings: Report) -> String {
        let broker = self.broker.clone();
        match &step.operation {
            Operation::Connect {
                user,
                connection,
                channels,
                fresh,
                values: set,
                keys,
                config,
            } => {
                let state = ConnectState {
                    fresh_state: values(fresh),
                    state: values(set),
                    public_keys: Some(key_names(keys)),
                };
                let configs = configs(channels, *config);
                let connected = broker
                    .connect(
                        user_name(*user),
                        conn_id(*connection),
                        state,
                        names(channels),
                        configs,
                    )
                    .await;
                if connected.is_ok() {
                    self.users[*connection] = Some(*user);
                }
                format!("{connected:?}")
            }
            Operation::Subscribe {
                connection,
                channels,
                config,
            } => {
                let configs = configs(channels, *config);
                let done = broker.subscribe(conn_id(*connection), names(channels), configs);
                format!("{:?}", done.await)
            }
            Operation::Unsubscribe {
                connection,
                channels,
            } => {
                let done = broker.unsubscribe(conn_id(*connection), names(channels));
                format!("{:?}", done.await)
            }
            Operation::SetState {
                user,
                values: set,
                keys,
            } => {
                let keys = keys.as_deref().map(key_names);
                format!(
                    "{:?}",
                    broker.set_state(user_name(*user), values(set), keys).await
                )
            }
            Operation::Publish(drafts) => {
                let published = broker.publish(numbered(drafts, step.first)).await;
                self.published(published.as_deref().unwrap_or_default());
                match published {
                    Ok(published) => self.ids.normalize(&json!(published).to_string()),
                    Err(refused) => format!("{refused:?}"),
                }
            }
            Operation::Once {
                key,
                drafts,
                has_other_body,
            } => {
                let published = Published::default();
                let digest = if *has_other_body { [255; 20] } else { [0; 20] };
                let drafts = numbered(drafts, step.first);
                let call = call(broker.clone(), drafts, published.clone(), Ok(()));
                let answer = broker.once(format!("key-{key}"), digest, call).await;
                self.published(&published.take());
                let answer = answered(answer);
                self.note_ids(&answer);
                self.ids.normalize(&answer)
            }
            Operation::CutOff { key, drafts, done } => {
                let published = Published::default();
                let drafts = done_drafts(drafts, *done, step.first);
                let failed = Err(CallFailed(Outcome::Unknown));
                let call = call(broker.clone(), drafts, published.clone(), failed);
                drop(broker.once(format!("key-{key}"), [0; 20], call).await);
                self.published(&published.take());
                String::new()
            }
            Operation::Edit { user, .. } => {
                let Some((number, recipients)) = &step.target else {
                    return String::new();
                };
                let patch = Patch {
                    address: address(recipients, false),
                    uuid: self.message_id(*number),
                    timestamp: None,
                    user: user.map(user_name),
                    message: Some(payload(*number, Some(step.first))),
                    edited: Moment::from_micros(step.first as u64 + 1).into(),
                };
                format!("{:?}", broker.edit(vec![patch]).await)
            }
            Operation::Delete { .. } => {
                let Some((number, recipients)) = &step.target else {
                    return String::new();
                };
                let deletion = Deletion {
                    address: address(recipients, false),
                    uuid: self.message_id(*number),
                };
                format!("{:?}", broker.delete(vec![deletion]).await)
            }
            Operation::Configure { channel, config } => {
                let configs = [(channel_name(*channel), channel_config(*config))];
                format!("{:?}", broker.configure(configs.into()).await)
            }
            Operation::Disconnect { connection } => {
                self.clients[*connection].known.borrow_mut().clear();
                format!("{:?}", broker.disconnect(conn_id(*connection)).await)
            }
            Operation::Forget { channel } => {
                format!("{:?}", broker.forget_channel(channel_name(*channel)).await)
            }
            Operation::Info {
                channels,
                history,
                users,
                public,
            } => {
                let options = InfoOptions {
                    include_history: *history,
                    include_users: *users,
                    return_public_state: *public,
                    exclude_channels: vec![channel_name(0)],
                };
                let channels = (!channels.is_empty()).then(|| names(channels));
                let info = broker.info(channels, &options).await;
                match info {
                    Ok(info) => self.ids.normalize(&json!(info).to_string()),
                    Err(refused) => format!("{refused:?}"),
                }
            }
            Operation::Attach {
                connection,
                kind,
                brings_position,
                is_narrow,
            } => {
                let outlet = self.clients[*connection].open(*kind, *is_narrow);
                let brings = brings_position.then_some(brings).into();
                let attached = broker.attach(conn_id(*connection), outlet, brings).await;
                let answer = format!("{:?}", attached.as_ref().map(|_| ()));
                self.clients[*connection].attached(attached.ok());
                answer
            }
            Operation::Read {
                connection,
                batches,
                is_confirmed,
                is_reported,
            } => {
                self.clients[*connection].read(*batches, *is_confirmed, *is_reported);
                String::new()
            }
            Operation::Detach { connection, ending } => {
                self.clients[*connection].end(*ending);
                String::new()
            }
            Operation::Commit => String::new(),
            // Only in memory. The file store's broker really stops.
            Operation::Restart(_) => {
                self.clients.iter_mut().for_each(Client::end_at_restart);
                String::new()
            }
            Operation::Crash(_) => {
                self.clients.iter_mut().for_each(Client::end_at_crash);
                String::new()
            }
        }
    }

    pub(crate) fn published(&mut self, messages: &[Arc<Message>]) {
        for message in messages {
            let payload: Value =
                serde_json::from_str(message.message.as_ref().unwrap().get()).unwrap();
            self.ids
                .add(payload["n"].as_u64().unwrap() as usize, message.uuid);
        }
    }

    /// Records the ids of the messages in the answer to a call, which may have published them
    /// before.
    fn note_ids(&mut self, answer: &str) {
        let messages: Vec<Value> = serde_json::from_str(answer).unwrap_or_default();
        for message in messages {
            let number = message["message"]["n"].as_u64().unwrap();
            let id: Uuid = message["uuid"].as_str().unwrap().parse().unwrap();
            self.ids.add(number as usize, id.into());
        }
    }

    fn message_id(&self, number: usize) -> MessageId {
        self.ids.get(number).unwrap_or_else(|| given_id(number))
    }
}

/// Returns a call that happens once: it publishes, then ends with `end`.
pub(crate) fn call(
    broker: Broker,
    drafts: Vec<message::Draft>,
    published: Published,
    end: Result<(), CallFailed>,
) -> impl FnOnce(Claim) -> Pin<Box<dyn Future<Output = Result<ByteString, CallFailed>>>> {
    move |claim| {
        Box::pin(async move {
            let messages = broker.publish_once(drafts, claim).await?;
            let answer = json!(messages).to_string();
            published.borrow_mut().extend(messages);
            end.map(|()| answer.into())
        })
    }
}

fn answered(once: Result<Once, CallFailed>) -> String {
    match once {
        Ok(Once::Answer(answer)) => answer.to_string(),
        other => format!("{other:?}"),
    }
}
