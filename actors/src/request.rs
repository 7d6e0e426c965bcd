//! The id of the request that is being handled, so that log lines can name it.
//!
//! The HTTP server runs each request in the scope of its id. Everything that is logged in this
//! scope belongs to the request. A message to an actor carries the id if the actor logs something
//! because of the message.

use bytestring::ByteString;
use tokio::task_local;

task_local! {
    static CURRENT: RequestId;
}

/// The id of a request, which its sender may have chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(ByteString);

impl RequestId {
    /// Creates a request id.
    pub fn new(id: ByteString) -> Self {
        Self(id)
    }

    /// Returns the id as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id of the request in whose scope the caller runs; `None` outside of a request.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Returns the same as [`current`](Self::current), but only while single connections are logged
    /// (level `debug`). Otherwise the messages to actors carry no id, so that they cost nothing
    /// more.
    pub fn current_if_logged() -> Option<Self> {
        log::log_enabled!(log::Level::Debug)
            .then(Self::current)
            .flatten()
    }
}

/// Runs a future in the scope of a request, if there is one.
pub async fn run_in_scope<F: Future>(request: Option<RequestId>, future: F) -> F::Output {
    match request {
        Some(request) => CURRENT.scope(request, future).await,
        None => future.await,
    }
}

/// Logs in the scope of a request, if there is one.
pub fn log_for(request: Option<&RequestId>, log: impl FnOnce()) {
    match request {
        Some(request) => CURRENT.sync_scope(request.clone(), log),
        None => log(),
    }
}
