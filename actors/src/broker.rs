//! The broker: all operations that transports and endpoints can ask of the actors.
//!
//! A change of several steps runs in a task of its own, for which the caller waits. A caller that
//! hangs up does not stop it in the middle.
//!
//! Most operations are in submodules. `messages` publishes, edits and deletes messages. [`once`]
//! runs a call once, however often it is made. `info` describes channels and users. `panel` serves
//! the admin panel. `drain` ends all connections when the server stops, and `panics` ends the
//! connections that relied on an actor that a panic has ended.

mod drain;
mod info;
mod messages;
pub mod once;
mod panel;
mod panics;
mod restoring;
mod room;
pub mod shared_sessions;
mod trimming;

use std::collections::BTreeMap;
#[expect(
    clippy::disallowed_types,
    reason = "it is locked once, to take out the kept state when the threads start"
)]
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst, fence};
use std::sync::{Arc, OnceLock};

use actix::prelude::*;
use futures_util::future::join_all;

use crate::channel::{Channel, Configure};
use crate::cluster::Cluster;
use crate::common::Common;
use crate::connection::{
    AttachOutlet, Close, Connection, ConnectionNeeds, IsOpen, Join, Open, Subscribe, Unsubscribe,
};
use crate::core::connection::Subscriptions;
use crate::core::user::{ConnectState, StateChanged};
use crate::core::visible_state::{Values, size_of_values};
use crate::counters::{Counted, Counters};
use crate::directories::Directories;
use crate::directory::{Forwarded, IfAbsent};
use crate::error::{CloseReason, NotAttached, NotConnected, NotDone, Refused, Unknown};
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::memory::Memory;
use crate::name::{ChannelName, ConnId, UserName};
use crate::outlet::{Attachment, Outlet};
use crate::position::Return;
use crate::protocol::config::ChannelConfig;
use crate::request::RequestId;
use crate::store::Store;
use crate::store::note::Kept;
use crate::user::{CheckExists, Configs, Connected, SetState, User, UserNeeds};

/// The largest number of calls that may be pending at once. More calls are refused, because the
/// actors are already behind.
const PENDING_CALLS: u64 = 20_000;

/// The broker. Cloning is cheap.
#[derive(Clone)]
pub struct Broker {
    common: Common,
    channels: Directories<Channel>,
    users: Directories<User>,
    connections: Directories<Connection>,
    /// The node of a cluster; `None` if the actors of this server decide. The futures of its calls
    /// are boxed. Otherwise each call of a server without others would move their bytes, which
    /// costs it 1 % of its instructions.
    cluster: Option<Cluster>,
    /// The ledger; unset until the threads start.
    ledger: Arc<OnceLock<Addr<Ledger>>>,
    /// The state that the store has kept. It is taken out when the threads start.
    #[expect(clippy::disallowed_types, reason = "see the import")]
    kept: Arc<Mutex<Option<Kept>>>,
    /// True once the server stops. Calls are refused from then on.
    is_closed: Arc<AtomicBool>,
}

/// The number of actors of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Population {
    /// The number of channels.
    pub channels: usize,
    /// The number of users, including those that are remembered without a connection.
    pub users: usize,
    /// The number of connections.
    pub connections: usize,
}

impl Broker {
    /// Creates a broker without threads, in memory mode: nothing outlives it. It refuses all calls
    /// until [`start_on`](Self::start_on) is called.
    pub fn new(limits: Limits) -> Self {
        Self::with_store(limits, Store::Memory, Kept::default())
    }

    /// Creates a broker without threads, with the state that a store has kept. It refuses all calls
    /// until [`start_on`](Self::start_on) is called.
    pub fn with_store(limits: Limits, store: Store, kept: Kept) -> Self {
        let (channels, users) = (Directories::default(), Directories::default());
        let common = Common::new(limits, store);
        let node = common.store().node().cloned();
        let cluster =
            node.map(|node| Cluster::new(node, common.clone(), channels.clone(), users.clone()));
        Self {
            common,
            cluster,
            #[expect(clippy::disallowed_types, reason = "see the import")]
            kept: Arc::new(Mutex::new(Some(kept))),
            channels,
            users,
            connections: Directories::default(),
            ledger: Arc::default(),
            is_closed: Arc::default(),
        }
    }

    /// Gives the broker the threads on which all actors run. Later calls do nothing.
    pub fn start_on(&self, arbiters: &[ArbiterHandle]) {
        let Self {
            common,
            channels,
            users,
            connections,
            ..
        } = self;
        channels.start_on(arbiters, common);
        users.start_on(
            arbiters,
            &UserNeeds {
                common: common.clone(),
                channels: channels.clone(),
            },
        );
        let (common, channels) = (common.clone(), channels.clone());
        connections.start_on(
            arbiters,
            &ConnectionNeeds {
                common,
                channels,
                users: users.clone(),
            },
        );
        if let Some(cluster) = &self.cluster {
            cluster.start_on(arbiters);
        }
        let kept = self.kept.lock().ok().and_then(|mut kept| kept.take());
        if let (Some(arbiter), Some(mut kept)) = (arbiters.first(), kept) {
            let (common, calls) = (self.common.clone(), std::mem::take(&mut kept.calls));
            self.ledger.get_or_init(|| {
                Ledger::start_in_arbiter(arbiter, move |_| Ledger::new(common, calls))
            });
            self.restore(kept);
            let broker = self.clone();
            arbiter.spawn(async move { broker.answer_rebuilds().await });
            let broker = self.clone();
            arbiter.spawn(async move { broker.trim_when_full().await });
            if let Some(panicked) = self.common.faults().receiver() {
                let broker = self.clone();
                arbiter.spawn(async move { broker.end_connections_of_panicked(panicked).await });
            }
        }
    }

    /// Returns the store.
    pub fn store(&self) -> &Store {
        self.common.store()
    }

    /// Waits until the changes made so far are kept as safely as the settings ask for.
    async fn wait_until_kept(&self) -> Result<(), Refused> {
        Ok(self.common.store().wait_until_kept().await?)
    }

    /// Returns the counters.
    pub fn counters(&self) -> &Counters {
        self.common.counters()
    }

    /// Returns the count of the bytes in memory.
    pub fn memory(&self) -> &Memory {
        self.common.memory()
    }

    /// Returns the deadlines and sizes that the actors keep to.
    pub fn limits(&self) -> &Limits {
        self.common.limits()
    }

    /// Begins a call that changes something.
    fn begin(&self) -> Result<Counted, Refused> {
        self.common.store().accepts()?;
        let pending = self.counters().begin(PENDING_CALLS);
        // The call is counted before the broker is checked. So whoever closes the broker and then
        // waits for the last call sees every call that is not refused.
        fence(SeqCst);
        pending
            .filter(|_| !self.is_closed.load(SeqCst))
            .ok_or(Refused::TRY_AGAIN)
    }

    /// Waits for the answer of an actor. The call counts as pending until the answer comes, even if
    /// its caller has hung up.
    async fn wait<T: 'static>(
        pending: impl Sized + 'static,
        answer: impl Future<Output = Option<T>> + 'static,
    ) -> Option<T> {
        let task = actix::spawn(async move {
            let _pending = pending;
            answer.await
        });
        task.await.ok().flatten()
    }

    /// Opens a connection, or keeps it if it already belongs to the user. Creates the user and the
    /// channels if they do not exist.
    ///
    /// # Errors
    /// Fails when the id belongs to another user's connection, or when the call would go beyond a
    /// limit. Then nothing has changed.
    pub async fn connect(
        &self,
        user: UserName,
        conn_id: ConnId,
        set: ConnectState,
        channels: Vec<ChannelName>,
        configs: Configs,
    ) -> Result<Connected, NotConnected> {
        let pending = self.begin().map_err(NotConnected::Refused)?;
        if let Some(cluster) = self.cluster.clone() {
            let room = (Box::pin(cluster.room_to_connect(conn_id)).await)
                .map_err(NotConnected::Refused)?;
            let pending = (pending, room);
            let opened = async move {
                Some(Box::pin(cluster.connect(user, conn_id, set, channels, configs)).await)
            };
            let opened = Self::wait(pending, opened).await;
            return opened.unwrap_or(Err(NotConnected::Refused(Refused::TRY_AGAIN)));
        }
        let room = self.room_to_connect(conn_id, &user, &set, &channels).await;
        let room = room.map_err(NotConnected::Refused)?;
        let open = Open {
            user,
            set,
            channels,
            configs,
            request: RequestId::current_if_logged(),
        };
        let opened = self.connections.ask(conn_id, IfAbsent::Create, open);
        let opened = Self::wait((pending, room), opened)
            .await
            .unwrap_or(Err(NotConnected::Refused(Refused::TRY_AGAIN)))?;
        self.wait_until_kept()
            .await
            .map_err(NotConnected::Refused)?;
        Ok(opened)
    }

    /// Returns whether a connection is open.
    ///
    /// # Errors
    /// Fails when Redis decides and does not answer.
    pub async fn knows_connection(&self, conn_id: ConnId) -> Result<bool, Refused> {
        if let Some(cluster) = &self.cluster {
            return Ok(Box::pin(cluster.record(conn_id)).await?.is_some());
        }
        let is_open = self.connections.ask(conn_id, IfAbsent::Skip, IsOpen);
        Ok(is_open.await.unwrap_or(false))
    }

    /// Returns whether a user exists, connected or only remembered.
    ///
    /// # Errors
    /// Fails when Redis decides and does not answer.
    pub async fn knows_user(&self, user: UserName) -> Result<bool, Refused> {
        if let Some(cluster) = &self.cluster {
            return Ok(Box::pin(cluster.user(&user)).await?.is_some());
        }
        let exists = self.users.ask(user, IfAbsent::Skip, CheckExists);
        Ok(exists.await.is_some())
    }

    /// Subscribes a connection to channels. Creates the channels that do not exist.
    ///
    /// # Errors
    /// Fails when there is no such connection, or when it would be in too many channels.
    pub async fn subscribe(
        &self,
        conn_id: ConnId,
        channels: Vec<ChannelName>,
        configs: Configs,
    ) -> Result<Subscriptions, NotDone> {
        let pending = self.begin()?;
        if let Some(cluster) = self.cluster.clone() {
            let subscribed =
                async move { Some(Box::pin(cluster.subscribe(conn_id, channels, configs)).await) };
            let subscribed = Self::wait(pending, subscribed).await;
            return subscribed.unwrap_or(Err(Refused::TRY_AGAIN.into()));
        }
        let room = self.room_for_channels(&channels).await?;
        let subscribe = Subscribe { channels, configs };
        self.change_subscriptions(conn_id, subscribe, (pending, room))
            .await
    }

    /// Unsubscribes a connection from channels.
    ///
    /// # Errors
    /// Fails when there is no such connection.
    pub async fn unsubscribe(
        &self,
        conn_id: ConnId,
        channels: Vec<ChannelName>,
    ) -> Result<Subscriptions, NotDone> {
        let pending = self.begin()?;
        if let Some(cluster) = self.cluster.clone() {
            let unsubscribed =
                async move { Some(Box::pin(cluster.unsubscribe(conn_id, channels)).await) };
            let unsubscribed = Self::wait(pending, unsubscribed).await;
            return unsubscribed.unwrap_or(Err(Refused::TRY_AGAIN.into()));
        }
        let unsubscribe = Unsubscribe {
            channels,
            is_by_client: false,
        };
        self.change_subscriptions(conn_id, unsubscribe, pending)
            .await
    }

    /// Lets a client join channels by itself. Creates the channels that do not exist. Returns those
    /// of the channels that the connection is then in. They are those to which the application has
    /// subscribed the user before, if [`Limits::clients_join`] allows it, and those that the
    /// connection was in already.
    ///
    /// # Errors
    /// Fails when there is no such connection, or when it would be in too many channels.
    pub async fn join(
        &self,
        conn_id: ConnId,
        channels: Vec<ChannelName>,
    ) -> Result<Vec<ChannelName>, NotDone> {
        let pending = self.begin()?;
        if let Some(cluster) = &self.cluster {
            return Box::pin(cluster.joined(conn_id, channels)).await;
        }
        let room = self.room_for_channels(&channels).await?;
        self.change_subscriptions(conn_id, Join { channels }, (pending, room))
            .await
    }

    /// Lets a client leave channels by itself. Returns those of the channels that the connection
    /// was in. It may join them again.
    ///
    /// # Errors
    /// Fails when there is no such connection.
    pub async fn leave(
        &self,
        conn_id: ConnId,
        channels: Vec<ChannelName>,
    ) -> Result<Vec<ChannelName>, NotDone> {
        if !self.limits().clients_join {
            return Ok(Vec::new());
        }
        let pending = self.begin()?;
        let unsubscribe = Unsubscribe {
            channels,
            is_by_client: true,
        };
        let left = self.change_subscriptions(conn_id, unsubscribe, pending);
        Ok(left.await?.changed)
    }

    async fn change_subscriptions<M, T>(
        &self,
        conn_id: ConnId,
        change: M,
        pending: impl Sized + 'static,
    ) -> Result<T, NotDone>
    where
        Connection: Handler<Forwarded<M>>,
        M: Message<Result = Result<T, NotDone>> + Send + 'static,
        T: Send + 'static,
    {
        let changed = self.connections.ask(conn_id, IfAbsent::Skip, change);
        let changed = Self::wait(pending, changed)
            .await
            .unwrap_or(Err(Unknown.into()))?;
        self.wait_until_kept().await?;
        Ok(changed)
    }

    /// Sets values of a user's state, and the public keys if they are given.
    ///
    /// # Errors
    /// Fails when there is no such user, or when its state would be too large.
    pub async fn set_state(
        &self,
        user: UserName,
        values: Values,
        public_keys: Option<Vec<String>>,
    ) -> Result<StateChanged, NotDone> {
        let pending = self.begin()?;
        if let Some(cluster) = self.cluster.clone() {
            let set =
                async move { Some(Box::pin(cluster.set_state(user, values, public_keys)).await) };
            let set = Self::wait(pending, set).await;
            return set.unwrap_or(Err(Refused::TRY_AGAIN.into()));
        }
        let room = self.memory().reserve(size_of_values(&values))?;
        let set = self.users.ask(
            user,
            IfAbsent::Skip,
            SetState {
                values,
                public_keys,
            },
        );
        let set = Self::wait((pending, room), set)
            .await
            .ok_or(NotDone::Unknown(Unknown))??;
        self.wait_until_kept().await?;
        Ok(set)
    }

    /// Sets the configuration of channels. Creates the channels that do not exist.
    ///
    /// # Errors
    /// Fails when too many calls are pending, or when there would be too many channels. Then no
    /// channel was changed.
    pub async fn configure(
        &self,
        configs: BTreeMap<ChannelName, ChannelConfig>,
    ) -> Result<(), Refused> {
        let _pending = self.begin()?;
        if let Some(cluster) = &self.cluster {
            return Box::pin(cluster.configure(configs)).await;
        }
        let names: Vec<_> = configs.keys().cloned().collect();
        let _room = self.room_for_channels(&names).await?;
        let ask = |(channel, config)| {
            self.channels
                .ask(channel, IfAbsent::Create, Configure(config))
        };
        join_all(configs.into_iter().map(ask)).await;
        self.wait_until_kept().await
    }

    /// Attaches a transport to a connection. `returning` is what its client tells of its former
    /// transports.
    ///
    /// # Errors
    /// Fails when there is no such connection, or when the server cannot tell now whether there is.
    pub async fn attach(
        &self,
        conn_id: ConnId,
        outlet: Outlet,
        returning: Return,
    ) -> Result<Attachment, NotAttached> {
        let attach = AttachOutlet { outlet, returning };
        if let Some(cluster) = &self.cluster {
            let attached = cluster.connections.ask(conn_id, IfAbsent::Create, attach);
            return attached.await.unwrap_or(Err(Refused::TRY_AGAIN.into()));
        }
        self.connections
            .ask(conn_id, IfAbsent::Skip, attach)
            .await
            .unwrap_or(Err(NotAttached::Unknown))
    }

    /// Ends a connection for good. Returns whether it was open.
    ///
    /// # Errors
    /// Fails when the connection has ended, but the store could not keep this. The connection may
    /// be back after a restart.
    pub async fn disconnect(&self, conn_id: ConnId) -> Result<bool, Refused> {
        if let Some(cluster) = &self.cluster {
            return Box::pin(cluster.disconnect(conn_id)).await;
        }
        let close = Close {
            reason: CloseReason::Disconnected,
            request: RequestId::current_if_logged(),
        };
        let closed = self.connections.ask(conn_id, IfAbsent::Skip, close).await;
        self.wait_until_kept().await?;
        Ok(closed.unwrap_or(false))
    }
}
