//! The parts of the server that handlers and middleware use, in one struct that all threads share.

use std::sync::Arc;

use actix::{Actor, Addr};
use actix_web::HttpRequest;
use actix_web::web::Data;
use channelstream_actors::broker::Broker;
use tokio::sync::Semaphore;

use crate::accepting::{Accepting, SocketOwner};
use crate::client_limits::ClientLimits;
use crate::error::ApiError;
use crate::lifecycle::Lifecycle;
use crate::live_settings::LiveSettings;
use crate::metrics::Metrics;
use crate::operators::monitor::Monitor;
use crate::operators::sessions::Sessions;
use crate::operators::throttle::SignInThrottle;
use crate::process::StartTime;
use crate::settings::Settings;
use crate::signature::replays::UsedSignatures;

/// The parts of a running server that handlers and middleware use.
pub struct Services {
    /// The broker: the only access to channels, users and connections.
    pub broker: Broker,
    /// The settings that the server was started with. [`live`](Self::live) contains the settings
    /// that can change.
    pub settings: Settings,
    /// The settings that are in force now.
    pub live: LiveSettings,
    /// The signatures that were used, for servers that accept each signature once.
    pub used_signatures: Addr<UsedSignatures>,
    /// The sessions of operators.
    pub sessions: Sessions,
    /// The throttle that slows down guesses of the panel's password.
    pub throttle: Addr<SignInThrottle>,
    /// The monitor, which keeps the numbers of the last hour for the panel.
    pub monitor: Addr<Monitor>,
    /// The counts for `/metrics`, besides the counters of the broker.
    pub metrics: Arc<Metrics>,
    /// The phase of the server, from serving to its end.
    pub lifecycle: Lifecycle,
    /// The state of accepting TCP connections: whether new ones are accepted, and how many have not
    /// sent a request yet.
    pub accepting: Accepting,
    /// The limits on the sockets and the calls of clients.
    pub client_limits: ClientLimits,
    /// A permit for each further panel that operators may open.
    pub panel_permits: Arc<Semaphore>,
    /// The time at which the server started.
    pub start_time: StartTime,
}

impl Services {
    /// Creates the parts and starts their actors. `owner` keeps the listening socket open. The
    /// broker accepts no calls until its threads run.
    pub fn start(settings: Settings, broker: Broker, owner: SocketOwner) -> Self {
        Self {
            live: LiveSettings::new(settings.clone()),
            used_signatures: UsedSignatures::default().start(),
            sessions: Sessions::new(&settings),
            throttle: SignInThrottle::default().start(),
            monitor: Monitor::new(broker.clone()).start(),
            metrics: Arc::default(),
            lifecycle: Lifecycle::default(),
            accepting: Accepting::new(owner),
            client_limits: ClientLimits::new(&settings, broker.memory().clone()),
            panel_permits: Arc::new(Semaphore::new(match settings.open_panels {
                0 => Semaphore::MAX_PERMITS,
                most => most.min(Semaphore::MAX_PERMITS),
            })),
            start_time: StartTime::now(),
            settings,
            broker,
        }
    }

    /// Puts reloaded settings into force. All sessions end if `cookie_secret` has changed.
    pub fn reload(&self, settings: Settings) {
        let before = self.live.snapshot();
        if settings.cookie_secret != before.settings.cookie_secret {
            self.sessions.replace_key(&settings);
        }
        self.sessions.replace_devices(&settings);
        self.live.replace(settings);
    }

    /// Returns whether the server is ready for requests: it is not about to stop, and its store can
    /// be written.
    pub fn is_ready(&self) -> bool {
        let store = self.broker.store();
        let is_written = store.status().is_none_or(|file| file.is_ready());
        let has_redis = store
            .node_status()
            .is_none_or(|node| node.problem.is_none());
        self.lifecycle.is_ready() && store.serves().is_ok() && is_written && has_redis
    }

    /// Returns the services of the application that a request was sent to.
    ///
    /// # Errors
    /// Fails in an application that was built without them.
    pub fn of(request: &HttpRequest) -> Result<&Data<Self>, ApiError> {
        request
            .app_data()
            .ok_or(ApiError::Internal("an application without its services"))
    }
}
