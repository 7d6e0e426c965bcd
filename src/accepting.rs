//! Tracks whether the server still accepts TCP connections, and how many of the accepted ones have
//! not sent a request yet.
//!
//! A listening socket that a service manager keeps open outlives this process. A connection that
//! this process does not accept waits in that socket for the next process, so no client is refused
//! while the server is replaced. A stop therefore first ends the accepting, and then waits until
//! the connections that were accepted last have sent their requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use actix_server::ServerHandle;
use tokio::time::sleep;

/// The time between two checks of a stop for newly accepted connections and their first requests.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// The number of checks in a row that must find nothing new. The HTTP server does not report when
/// its accept thread has paused, or when its workers have taken over the connections that this
/// thread accepted. Checks are counted instead of time, because on a busy machine all these threads
/// are late together.
const QUIET_CHECKS: usize = 10;

/// The most checks of a stop, which take a second. There is a bound because some connections never
/// send a request: a browser may open a connection that it does not need yet.
const MOST_CHECKS: usize = 100;

/// The owner of the listening socket, which keeps it open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketOwner {
    /// This process: the socket ends with it, and connections that wait in it are reset.
    Process,
    /// The service manager that passed the socket to this process: connections that wait in it are
    /// accepted by the next process.
    ServiceManager,
}

/// The state of accepting connections. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Accepting(Arc<AcceptingState>);

#[derive(Debug)]
struct AcceptingState {
    owner: SocketOwner,
    /// Whether new connections are left to the next process.
    has_stopped: AtomicBool,
    /// The number of connections that the workers have taken over since the start.
    accepted: AtomicUsize,
    /// The number of open connections that have not sent a request yet.
    awaited: AtomicUsize,
}

impl Accepting {
    /// Creates the state of a listening socket, which has accepted no connection yet.
    pub fn new(owner: SocketOwner) -> Self {
        Self(Arc::new(AcceptingState {
            owner,
            has_stopped: AtomicBool::new(false),
            accepted: AtomicUsize::new(0),
            awaited: AtomicUsize::new(0),
        }))
    }

    /// Returns whether new connections are left to the next process.
    pub fn has_stopped(&self) -> bool {
        self.0.has_stopped.load(SeqCst)
    }

    /// Counts a connection that a worker takes over. Its first request counts as awaited until
    /// [`FirstRequest::note`] is called on the returned value, or the value is dropped.
    pub fn begin_connection(&self) -> FirstRequest {
        // This order ensures that a check which misses the new connection still sees that its
        // request is awaited.
        self.0.awaited.fetch_add(1, SeqCst);
        self.0.accepted.fetch_add(1, SeqCst);
        FirstRequest {
            state: self.0.clone(),
            has_come: AtomicBool::new(false),
        }
    }

    /// Leaves new connections to the next process, if the socket outlives this process. Returns
    /// when all accepted connections have sent their first requests, or after about a second.
    pub(crate) async fn stop(&self, server: &ServerHandle) {
        if self.0.owner == SocketOwner::Process {
            return;
        }
        self.0.has_stopped.store(true, SeqCst);
        log::info!("stopping: new connections wait for the next process");
        server.pause().await;
        let (mut accepted, mut quiet_checks) = (self.0.accepted.load(SeqCst), 0);
        for _ in 0..MOST_CHECKS {
            sleep(CHECK_INTERVAL).await;
            let before = std::mem::replace(&mut accepted, self.0.accepted.load(SeqCst));
            if accepted == before && self.0.awaited.load(SeqCst) == 0 {
                quiet_checks += 1;
            } else {
                quiet_checks = 0;
            }
            if quiet_checks == QUIET_CHECKS {
                return;
            }
        }
        log::debug!(
            "{} connections had not sent a request when the server stopped accepting",
            self.0.awaited.load(SeqCst)
        );
    }
}

/// The first request of a connection. It is awaited until it arrives or this value is dropped.
#[derive(Debug)]
pub struct FirstRequest {
    state: Arc<AcceptingState>,
    has_come: AtomicBool,
}

impl FirstRequest {
    /// Notes that the connection has sent a request.
    pub fn note(&self) {
        if !self.has_come.swap(true, SeqCst) {
            self.state.awaited.fetch_sub(1, SeqCst);
        }
    }
}

impl Drop for FirstRequest {
    fn drop(&mut self) {
        self.note();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_request_is_awaited_until_it_comes_or_its_connection_ends() {
        let accepting = Accepting::new(SocketOwner::ServiceManager);
        let awaited = || accepting.0.awaited.load(SeqCst);
        let [one, other] = [(), ()].map(|()| accepting.begin_connection());
        assert_eq!(awaited(), 2);
        one.note();
        one.note();
        assert_eq!(awaited(), 1);
        drop(one);
        assert_eq!(awaited(), 1);
        drop(other);
        assert_eq!(awaited(), 0);
    }
}
