//! A session whose client polls, as a websocket sees it that may go on with it.

use tokio::sync::oneshot;

use crate::transport::socket_io::messages::{SessionAddress, TakenOver, ToSession};
use crate::transport::socket_io::server_packets::NOOP;
use crate::transport::socket_io::shared::session::SharedSession;

/// A session whose client polls.
#[derive(Clone)]
pub(super) enum Polled {
    /// An actor of this server keeps it.
    Here(SessionAddress),
    /// All nodes share it.
    Shared(Box<SharedSession>),
}

impl Polled {
    /// Notes that the client has begun or given up to try a websocket.
    pub(super) async fn note_probe(&self, is_trying: bool) {
        // An error means that the session has ended.
        match self {
            Self::Here(session) => {
                let _ = session.send(ToSession::NoteProbe { is_trying }).await;
            }
            // Some clients wait for the end of their poll.
            Self::Shared(session) if is_trying => {
                let _ = session.tell(vec![NOOP.to_owned()]).await;
            }
            Self::Shared(_) => {}
        }
    }

    /// Returns whether the session exists.
    pub(super) async fn exists(&self) -> bool {
        match self {
            Self::Here(session) => session.connected(),
            Self::Shared(session) => session.exists().await,
        }
    }

    /// Returns whether the session may still exist.
    pub(super) fn may_exist(&self) -> bool {
        match self {
            Self::Here(session) => session.connected(),
            Self::Shared(_) => true,
        }
    }

    /// Ends a session that goes on by a websocket. Returns `None` if it does not exist any more.
    pub(super) async fn take_over(&self) -> Option<TakenOver> {
        match self {
            Self::Here(session) => {
                let (reply, taken_over) = oneshot::channel();
                // An error means that the session has ended, which `taken_over` notices too.
                let _ = session.send(ToSession::TakeOver(reply)).await;
                taken_over.await.ok()
            }
            Self::Shared(session) => session.hand_over().await,
        }
    }
}
