//! The request because of which something happens, so that lines of the log can name it.
//!
//! The HTTP server runs each request in the scope of its id. What is logged there belongs to the request.
//! A message to an actor carries the id where the actor logs something because of it.

use bytestring::ByteString;
use tokio::task_local;

task_local! {
    static CURRENT: RequestId;
}

/// The id of a request, which its sender may have chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(ByteString);

impl RequestId {
    /// Takes an id.
    pub fn new(id: ByteString) -> Self {
        Self(id)
    }

    /// Returns the id as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id of the request in whose scope the caller runs.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Returns the same, but only while lines for single connections are logged. What is sent elsewhere
    /// otherwise costs nothing.
    pub fn to_log() -> Option<Self> {
        log::log_enabled!(log::Level::Debug)
            .then(Self::current)
            .flatten()
    }
}

/// Runs a future in the scope of a request, if there is one.
pub async fn carry<F: Future>(request: Option<RequestId>, future: F) -> F::Output {
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
