//! Tracks whether a client that polls has read the answers to its polls.
//!
//! A client that polls again has read the last answer, unless it has reset the socket of the
//! answer. A reset may arrive a little later than the next poll if that comes by another socket.

use std::sync::Arc;
use std::time::Duration;

use channelstream_actors::outlet::Socket;

use crate::transport::read_progress::ReadProgress;
use crate::transport::socket_handle::SocketHandle;

/// The time by which a reset may arrive later than the next poll.
pub(super) const RESET_DELAY: Duration = Duration::from_millis(50);

/// The answers that a client is not known to have read.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The sockets of the answers since the last question.
    sent: Vec<Arc<SocketHandle>>,
    /// The sockets of the answers that the open question asks about. Empty if no question is open.
    asked: Vec<Arc<SocketHandle>>,
    is_lost: bool,
}

/// What a new poll says about the answers before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Returned {
    /// The client has read all of them.
    Read,
    /// It is known after [`RESET_DELAY`]. Then [`Answers::settle`] must be called.
    Doubtful,
    /// An earlier question is open, or there was no answer.
    Nothing,
}

impl Answers {
    /// Notes that a poll on this socket was answered.
    pub(super) fn note_sent(&mut self, socket: Arc<SocketHandle>) {
        if !self.sent.iter().any(|known| Arc::ptr_eq(known, &socket)) {
            self.sent.push(socket);
        }
    }

    /// Notes that an answer was not written to its end.
    pub(super) fn note_lost(&mut self) {
        self.is_lost = true;
    }

    /// Returns whether the client has not got an answer.
    pub(super) fn is_lost(&self) -> bool {
        let was_reset = |socket: &Arc<SocketHandle>| socket.was_reset();
        self.is_lost || self.sent.iter().chain(&self.asked).any(was_reset)
    }

    /// Handles the client's return by this socket. `read` is `None` if the client was sent no lists
    /// yet.
    pub(super) fn note_returned(
        &mut self,
        socket: &Arc<SocketHandle>,
        mut read: Option<&mut ReadProgress>,
    ) -> Returned {
        if !self.asked.is_empty() || self.sent.is_empty() {
            return Returned::Nothing;
        }
        if let Some(read) = &mut read {
            read.ask();
        }
        self.asked = std::mem::take(&mut self.sent);
        // A client that sends its next request on the same socket has read the answer.
        self.asked.retain(|answered| !Arc::ptr_eq(answered, socket));
        if !self.asked.is_empty() {
            return Returned::Doubtful;
        }
        if let Some(read) = read {
            read.confirm();
        }
        Returned::Read
    }

    /// Ends the doubt about the answers that the open question asks about, unless one was lost.
    pub(super) fn settle(&mut self, read: Option<&mut ReadProgress>) {
        if self.is_lost() || std::mem::take(&mut self.asked).is_empty() {
            return;
        }
        if let Some(read) = read {
            read.confirm();
        }
    }

    /// Confirms all answers at once, because the client has ended its polls after the last one.
    /// Does nothing if an answer was lost.
    pub(super) fn confirm_all(&mut self, read: &mut ReadProgress) {
        if !self.is_lost() {
            self.sent.clear();
            self.asked.clear();
            read.ask();
            read.confirm();
        }
    }
}
