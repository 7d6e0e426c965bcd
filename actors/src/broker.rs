//! The one door to the actors. Transports and endpoints know the broker only.
//!
//! A change of several steps runs in a task of its own which the caller waits for: a caller that hangs up cannot halve it.
//! What is done with messages stands in `messages`, what is told of channels and users in `info`, what operators see and do in `panel`.

mod info;
mod messages;
mod panel;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::prelude::*;
use futures_util::future::join_all;

use crate::channel::{Channel, Configure};
use crate::connection::{AttachOutlet, Attached, Close, Connection, Listen, Open, Who};
use crate::core::user::{Connect, StateChanged, Subscriptions, Values};
use crate::counters::{Counted, Counters};
use crate::directory::{Absent, Shared};
use crate::error::{CloseReason, InUse, Refused, Unknown};
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::name::{ChannelName, ConnId, UserName};
use crate::outlet::{Outlet, Report};
use crate::protocol::config::ChannelConfig;
use crate::protocol::state::State;
use crate::user::{AddConnection, Configs, DescribeUser, SetState, Subscribe, Unsubscribe, User};

pub use crate::directory::Population;
pub use messages::Once;

/// More calls than this under way at once are refused: each waits for actors that are behind already.
const PENDING_CALLS: u64 = 20_000;

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// So many clients at most are asked to come back in the same second after a restart.
const RETURNS_PER_SECOND: u64 = 1000;

/// The door. Cloning is cheap.
#[derive(Clone)]
pub struct Broker {
    shared: Shared,
    /// Unset until the threads run.
    ledger: Arc<OnceLock<Addr<Ledger>>>,
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

impl Broker {
    /// A broker without threads: it knows nobody and refuses all until [`start_on`](Self::start_on).
    pub fn new(limits: Limits) -> Self {
        Self { shared: Shared::new(limits, Counters::default()), ledger: Arc::default() }
    }

    /// Gives it its threads, on which all actors will live; once.
    pub fn start_on(&self, arbiters: &[ArbiterHandle]) {
        self.shared.start_on(arbiters);
        let (length, age) = (self.limits().remembered_calls, self.limits().idle * 20);
        if let Some(arbiter) = arbiters.first() {
            self.ledger.get_or_init(|| Ledger::start_in_arbiter(arbiter, move |_| Ledger::new(length, age)));
        }
    }

    /// Totals since the start.
    pub fn counters(&self) -> &Counters {
        self.shared.counters()
    }

    /// The numbers the actors obey.
    pub fn limits(&self) -> &Limits {
        self.shared.limits()
    }

    fn begin(&self) -> Result<Counted, Refused> {
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
    pub async fn set_state(
        &self,
        user: UserName,
        values: Values,
        public_keys: Option<Vec<String>>,
    ) -> Result<StateChanged, NotDone> {
        let _pending = self.begin()?;
        let set = SetState { values, public_keys };
        self.shared.ask::<User, _>(user, Absent::Skip, set).await.ok_or(NotDone::Unknown(Unknown))
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

    /// Lets a transport listen for a connection, whose client says that it has read so far.
    ///
    /// # Errors
    /// When there is no such connection.
    pub async fn attach(&self, conn_id: ConnId, outlet: Outlet, read: Report) -> Result<Attached, Unknown> {
        self.shared.ask::<Connection, _>(conn_id, Absent::Skip, AttachOutlet { outlet, read }).await.unwrap_or(Err(Unknown))
    }

    /// Ends a connection for good. Answers whether there was one.
    pub async fn disconnect(&self, conn_id: ConnId) -> bool {
        self.shared.ask::<Connection, _>(conn_id, Absent::Skip, Close(CloseReason::Disconnected)).await.unwrap_or(false)
    }

    /// Ends all connections, each transport with a word that the server will be back. For the stop of the server.
    pub async fn drain(&self) {
        let connections = self.census().await.connections;
        // In any order: a thousand a second come back, the first after a second.
        let second = |index: usize| 1 + index as u64 / RETURNS_PER_SECOND;
        let ask = |(index, conn_id)| {
            let close = Close(CloseReason::Restart { wait: second(index) });
            self.shared.ask::<Connection, _>(conn_id, Absent::Skip, close)
        };
        join_all(connections.into_iter().enumerate().map(ask)).await;
    }
}
