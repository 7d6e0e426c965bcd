//! The one door to the actors. Transports and endpoints know the broker only.
//!
//! A change of several steps runs in a task of its own which the caller waits for: a caller that hangs up cannot halve it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use bytestring::ByteString;
use futures_util::future::join_all;

use crate::channel::{Channel, Configure, Delete, Describe, Edit, Publish};
use crate::connection::{AttachOutlet, Attached, Close, Connection, Listen, Open, Who};
use crate::core::channel::Publication;
use crate::core::user::{Connect, StateChanged, Subscriptions, Values};
use crate::counters::{Counters, Pending};
use crate::directory::{Absent, Census, Shared, TakeCensus, tell};
use crate::error::{CloseReason, InUse, Refused, Unknown};
use crate::ledger::{Claim, Claimed, Ledger, Settle};
use crate::limits::Limits;
use crate::name::{ChannelName, ConnId, MessageId, UserName};
use crate::outlet::Outlet;
use crate::protocol::config::ChannelConfig;
use crate::protocol::info::{ChannelInfo, Info, InfoOptions, Totals, UserInfo};
use crate::protocol::message::{Deletion, Destination, Draft, Message, Patch};
use crate::protocol::state::{State, UserState};
use crate::protocol::timestamp::Moment;
use crate::user::{
    AddConnection, Configs, DeletePrivate, DescribeUser, EditPrivate, PublishPrivate, SetState, Subscribe, Unsubscribe, User,
};

/// More calls than this under way at once are refused: each waits for actors that are behind already.
const PENDING_CALLS: u64 = 20_000;

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The door. Cloning is cheap.
#[derive(Clone)]
pub struct Broker {
    shared: Shared,
    ledger: Addr<Ledger>,
}

/// What `/connect` came to.
#[derive(Debug)]
pub struct Connected {
    /// The user's whole state.
    pub state: State,
    /// What others may see of it.
    pub public_state: State,
}

/// Why a connection could not be made.
#[derive(Debug)]
pub enum NotConnected {
    /// Its id is another user's.
    InUse(InUse),
    /// Not now.
    Refused(Refused),
}

/// Why an operation on a connection or user was not done.
#[derive(Debug)]
pub enum NotDone {
    /// There is none.
    Unknown(Unknown),
    /// Not now.
    Refused(Refused),
}

impl From<Refused> for NotDone {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// What became of a call with an `Idempotency-Key`.
#[derive(Debug)]
pub enum Once {
    /// Its answer, now or from the first time.
    Answer(ByteString),
    /// The key was used for another body.
    OtherBody,
}

impl Broker {
    /// Starts the actors' directories on these arbiters.
    pub fn start(arbiters: &[ArbiterHandle], limits: Limits) -> Self {
        let (length, age) = (limits.remembered_calls, limits.idle * 20);
        let shared = Shared::start(arbiters, limits, Counters::default());
        let ledger = match arbiters.first() {
            Some(arbiter) => Ledger::start_in_arbiter(arbiter, move |_| Ledger::new(length, age)),
            None => Ledger::new(length, age).start(),
        };
        Self { shared, ledger }
    }

    /// Totals since the start.
    pub fn counters(&self) -> &Counters {
        self.shared.counters()
    }

    /// The numbers the actors obey.
    pub fn limits(&self) -> &Limits {
        self.shared.limits()
    }

    fn begin(&self) -> Result<Pending, Refused> {
        self.counters().begin(PENDING_CALLS).ok_or(Refused { retry_after: RETRY_AFTER })
    }

    /// Makes a connection, the user if new, and the channels.
    ///
    /// # Errors
    /// When the id belongs to another user's connection; then nothing has changed.
    pub async fn connect(
        &self,
        user: UserName,
        conn_id: ConnId,
        connect: Connect,
        configs: Configs,
    ) -> Result<Connected, NotConnected> {
        let pending = self.begin().map_err(NotConnected::Refused)?;
        let gone = NotConnected::Refused(Refused { retry_after: RETRY_AFTER });
        let shared = self.shared.clone();
        let steps = async move {
            let _pending = pending;
            match shared.ask::<Connection, _>(conn_id, Absent::Create, Open(user.clone())).await {
                Some(Ok(())) => {}
                Some(Err(in_use)) => return Some(Err(in_use)),
                None => return None,
            }
            let added = connect.channels.clone();
            let add = AddConnection { conn_id, connect, configs };
            let connected = shared.ask::<User, _>(user, Absent::Create, add).await?;
            shared.ask::<Connection, _>(conn_id, Absent::Skip, Listen { added, removed: Vec::new() }).await;
            Some(Ok(Connected { state: connected.state, public_state: connected.public_state }))
        };
        match actix::spawn(steps).await {
            Ok(Some(connected)) => connected.map_err(NotConnected::InUse),
            Ok(None) | Err(_) => Err(gone),
        }
    }

    /// Whether there is such a connection.
    pub async fn knows_connection(&self, conn_id: ConnId) -> bool {
        self.owner(conn_id).await.is_ok()
    }

    async fn owner(&self, conn_id: ConnId) -> Result<UserName, Unknown> {
        self.shared.ask::<Connection, _>(conn_id, Absent::Skip, Who).await.unwrap_or(Err(Unknown))
    }

    /// Whether there is such a user, connected or remembered.
    pub async fn knows_user(&self, user: UserName) -> bool {
        self.shared.ask::<User, _>(user, Absent::Skip, DescribeUser).await.is_some()
    }

    /// Puts a connection into channels, which are made where they do not exist.
    ///
    /// # Errors
    /// When there is no such connection.
    pub async fn subscribe(&self, conn_id: ConnId, channels: Vec<ChannelName>, configs: Configs) -> Result<Subscriptions, NotDone> {
        self.change_subscriptions(conn_id, move |shared, user| async move {
            let subscribe = Subscribe { conn_id, channels, configs };
            let subscriptions = shared.ask::<User, _>(user, Absent::Skip, subscribe).await?.ok()?;
            let listen = Listen { added: subscriptions.changed.clone(), removed: Vec::new() };
            shared.ask::<Connection, _>(conn_id, Absent::Skip, listen).await;
            Some(subscriptions)
        })
        .await
    }

    /// Takes a connection out of channels.
    ///
    /// # Errors
    /// When there is no such connection.
    pub async fn unsubscribe(&self, conn_id: ConnId, channels: Vec<ChannelName>) -> Result<Subscriptions, NotDone> {
        self.change_subscriptions(conn_id, move |shared, user| async move {
            let unsubscribe = Unsubscribe { conn_id, channels };
            let subscriptions = shared.ask::<User, _>(user, Absent::Skip, unsubscribe).await?.ok()?;
            let listen = Listen { added: Vec::new(), removed: subscriptions.changed.clone() };
            shared.ask::<Connection, _>(conn_id, Absent::Skip, listen).await;
            Some(subscriptions)
        })
        .await
    }

    async fn change_subscriptions<S, F>(&self, conn_id: ConnId, steps: S) -> Result<Subscriptions, NotDone>
    where
        S: FnOnce(Shared, UserName) -> F + 'static,
        F: Future<Output = Option<Subscriptions>> + 'static,
    {
        let pending = self.begin()?;
        let user = self.owner(conn_id).await.map_err(NotDone::Unknown)?;
        let steps = steps(self.shared.clone(), user);
        let task = actix::spawn(async move {
            let _pending = pending;
            steps.await
        });
        task.await.ok().flatten().ok_or(NotDone::Unknown(Unknown))
    }

    /// Sets a user's state values, and the public keys where given.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn set_state(&self, user: UserName, values: Values, public_keys: Option<Vec<String>>) -> Result<StateChanged, NotDone> {
        let _pending = self.begin()?;
        let set = SetState { values, public_keys };
        self.shared.ask::<User, _>(user, Absent::Skip, set).await.ok_or(NotDone::Unknown(Unknown))
    }

    /// Publishes drafts in their order; answers them as accepted, without those that go nowhere. When this returns each is ordered
    /// and kept, and on its way to all who listen.
    ///
    /// # Errors
    /// When too much is under way; then none was published.
    pub async fn publish(&self, drafts: Vec<Draft>) -> Result<Vec<Arc<Message>>, Refused> {
        let pending = self.begin()?;
        let now = Moment::now();
        let addressed = drafts.into_iter().filter(|draft| draft.address.destination() != Destination::Nowhere);
        let messages: Vec<_> = addressed.map(|draft| Arc::new(accepted(draft, now))).collect();
        self.counters().count_messages(messages.len());
        let (shared, accepted) = (self.shared.clone(), messages.clone());
        let steps = async move {
            let _pending = pending;
            for (destination, publications) in runs(accepted) {
                match destination {
                    Destination::Nowhere => {}
                    Destination::Channel(channel) => {
                        shared.ask::<Channel, _>(channel, Absent::Skip, Publish(publications)).await;
                    }
                    Destination::Users(users) => {
                        let ask = |user| shared.ask::<User, _>(user, Absent::Skip, PublishPrivate(publications.clone()));
                        join_all(users.into_iter().map(ask)).await;
                    }
                }
            }
        };
        // It ends early only when the server stops; there is nothing to do about that.
        let _ = actix::spawn(steps).await;
        Ok(messages)
    }

    /// Runs `call` unless a call with this key and body was made before; then answers what that one answered.
    ///
    /// # Errors
    /// Those of `call`; the key is free again then.
    pub async fn once<E>(&self, key: String, digest: [u8; 20], call: impl Future<Output = Result<ByteString, E>>) -> Result<Once, E> {
        match self.ledger.send(Claim { key: key.clone(), digest }).await {
            Ok(Claimed::Done(answer)) => return Ok(Once::Answer(answer)),
            Ok(Claimed::OtherBody) => return Ok(Once::OtherBody),
            // Without a ledger the server is about to stop; doing the call is better than refusing it.
            Ok(Claimed::First) | Err(_) => {}
        }
        let unsettled = Unsettled { ledger: self.ledger.clone(), key: Some(key) };
        let answer = call.await?;
        unsettled.settle(answer.clone());
        Ok(Once::Answer(answer))
    }

    /// Edits messages, in their order.
    ///
    /// # Errors
    /// When too much is under way; then none was edited.
    pub async fn edit(&self, patches: Vec<Patch>) -> Result<(), Refused> {
        let pending = self.begin()?;
        let shared = self.shared.clone();
        let steps = async move {
            let _pending = pending;
            for patch in patches {
                match patch.address.destination() {
                    Destination::Nowhere => {}
                    Destination::Channel(channel) => {
                        shared.ask::<Channel, _>(channel, Absent::Skip, Edit(patch)).await;
                    }
                    Destination::Users(users) => {
                        let ask = |user| shared.ask::<User, _>(user, Absent::Skip, EditPrivate(patch.clone()));
                        join_all(users.into_iter().map(ask)).await;
                    }
                }
            }
        };
        let _ = actix::spawn(steps).await;
        Ok(())
    }

    /// Deletes messages, in their order.
    ///
    /// # Errors
    /// When too much is under way; then none was deleted.
    pub async fn delete(&self, deletions: Vec<Deletion>) -> Result<(), Refused> {
        let pending = self.begin()?;
        let shared = self.shared.clone();
        let steps = async move {
            let _pending = pending;
            for deletion in deletions {
                match deletion.address.destination() {
                    Destination::Nowhere => {}
                    Destination::Channel(channel) => {
                        shared.ask::<Channel, _>(channel, Absent::Skip, Delete(deletion)).await;
                    }
                    Destination::Users(users) => {
                        let ask = |user| shared.ask::<User, _>(user, Absent::Skip, DeletePrivate(deletion.clone()));
                        join_all(users.into_iter().map(ask)).await;
                    }
                }
            }
        };
        let _ = actix::spawn(steps).await;
        Ok(())
    }

    /// Sets the configuration of channels, which are made where they do not exist.
    ///
    /// # Errors
    /// When too much is under way; then none was changed.
    pub async fn configure(&self, configs: BTreeMap<ChannelName, ChannelConfig>) -> Result<(), Refused> {
        let _pending = self.begin()?;
        let ask = |(channel, config)| self.shared.ask::<Channel, _>(channel, Absent::Create, Configure(config));
        join_all(configs.into_iter().map(ask)).await;
        Ok(())
    }

    /// Tells of these channels, or of all; unknown ones are left out.
    pub async fn info(&self, channels: Option<Vec<ChannelName>>, options: &InfoOptions) -> Info {
        let mut names = match channels {
            Some(names) => names,
            None => self.census().await.channels,
        };
        names.retain(|name| !options.exclude_channels.contains(name));
        let channels = self.channel_infos(names, options).await;
        let mut users: Vec<UserName> = channels.values().flat_map(|channel| channel.users.iter().cloned()).collect();
        users.sort_unstable();
        users.dedup();
        let state = |info: UserInfo| if options.return_public_state { info.state } else { info.whole_state };
        let users = self.user_infos(users).await.into_iter();
        Info { channels, users: users.map(|info| UserState { user: info.user.clone(), state: state(info) }).collect() }
    }

    async fn channel_infos(&self, names: Vec<ChannelName>, options: &InfoOptions) -> BTreeMap<ChannelName, ChannelInfo> {
        let ask = |name: ChannelName| self.shared.ask::<Channel, _>(name, Absent::Skip, Describe(options.clone()));
        let infos = join_all(names.into_iter().map(ask)).await;
        infos.into_iter().flatten().map(|info| (info.name.clone(), *info)).collect()
    }

    async fn user_infos(&self, names: Vec<UserName>) -> Vec<UserInfo> {
        let ask = |name| self.shared.ask::<User, _>(name, Absent::Skip, DescribeUser);
        join_all(names.into_iter().map(ask)).await.into_iter().flatten().map(|info| *info).collect()
    }

    async fn census(&self) -> Census {
        let takers = self.shared.directories().iter().map(|directory| directory.send(TakeCensus));
        let mut all = Census::default();
        for census in join_all(takers).await.into_iter().flatten() {
            all.channels.extend(census.channels);
            all.users.extend(census.users);
            all.connections.extend(census.connections);
        }
        all
    }

    /// The server's numbers, with all channels and users.
    pub async fn totals(&self) -> Totals {
        let census = self.census().await;
        let (total_channels, remembered_user_count) = (census.channels.len(), census.users.len());
        let channels = self.channel_infos(census.channels, &InfoOptions::default()).await;
        let mut users = self.user_infos(census.users).await;
        users.retain(|user| !user.connections.is_empty());
        users.sort_unstable_by(|a, b| a.user.cmp(&b.user));
        Totals {
            remembered_user_count,
            unique_user_count: users.len(),
            total_connections: users.iter().map(|user| user.connections.len()).sum(),
            total_channels,
            total_messages: self.counters().deliveries(),
            total_unique_messages: self.counters().messages(),
            channels,
            users,
        }
    }

    /// Lets a transport listen for a connection.
    ///
    /// # Errors
    /// When there is no such connection.
    pub async fn attach(&self, conn_id: ConnId, outlet: Outlet) -> Result<Attached, Unknown> {
        self.shared.ask::<Connection, _>(conn_id, Absent::Skip, AttachOutlet(outlet)).await.unwrap_or(Err(Unknown))
    }

    /// Ends a connection for good. Answers whether there was one.
    pub async fn disconnect(&self, conn_id: ConnId) -> bool {
        self.shared.ask::<Connection, _>(conn_id, Absent::Skip, Close(CloseReason::Disconnected)).await.unwrap_or(false)
    }

    /// Ends all connections, each transport with a word that the server will be back. For the stop of the server.
    pub async fn drain(&self) {
        let connections = self.census().await.connections;
        let ask = |conn_id| self.shared.ask::<Connection, _>(conn_id, Absent::Skip, Close(CloseReason::Restart));
        join_all(connections.into_iter().map(ask)).await;
    }
}

/// Gives a claimed key free if the call ends without an answer, also when its caller hangs up.
struct Unsettled {
    ledger: Addr<Ledger>,
    key: Option<String>,
}

impl Unsettled {
    fn settle(mut self, answer: ByteString) {
        if let Some(key) = self.key.take() {
            tell(&self.ledger, Settle { key, answer: Some(answer) });
        }
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            tell(&self.ledger, Settle { key, answer: None });
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

/// Messages that follow one another to the same place travel together. The places are visited one after the other, so that one who
/// listens at several of them gets the messages of a call in their order.
fn runs(messages: Vec<Arc<Message>>) -> Vec<(Destination, Vec<Publication>)> {
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
