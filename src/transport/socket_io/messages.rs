//! The messages that the requests of a client that polls send to its session.

use std::collections::VecDeque;
use std::sync::Arc;

use actix::prelude::*;
use bytes::Bytes;
use bytestring::ByteString;
use tokio::sync::oneshot;

use crate::address_table::CountedConnection;
use crate::openapi::answers::SocketIoRefusal;
use crate::transport::response_end::ResponseEnd;
use crate::transport::socket_handle::SocketHandle;
use crate::transport::socket_io::identification::{Facts, Identification};
use crate::transport::socket_io::shared::session::SharedSession;

/// The address of a session.
pub(super) type SessionAddress = Recipient<ToSession>;

/// A message to a session.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) enum ToSession {
    /// The client polls.
    Poll(Poll),
    /// The client brings packets.
    Packets(Packets),
    /// The client has posted what is no list of packets, so the session ends.
    EndByViolation,
    /// The client has begun or given up to try a websocket. While it tries, polls are answered at
    /// once, since some clients wait for the end of their poll.
    NoteProbe { is_trying: bool },
    /// A websocket goes on with the session, which ends here. The sender is dropped if the session
    /// cannot go on.
    TakeOver(oneshot::Sender<TakenOver>),
}

/// A poll, which waits for packets.
pub(super) struct Poll {
    pub(super) answer: oneshot::Sender<Result<PollAnswer, SocketIoRefusal>>,
    pub(super) socket: Arc<SocketHandle>,
    /// The guard that counts a client behind a proxy for its address.
    pub(super) _address_guard: Option<CountedConnection>,
}

/// The answer to a poll.
pub(super) struct PollAnswer {
    pub(super) packets: Bytes,
    /// The guard that tells the session whether the answer was written to its end.
    pub(super) response_end: ResponseEnd,
}

/// The packets of a client. The answer comes when all of them were handled.
pub(super) struct Packets {
    pub(super) packets: VecDeque<ByteString>,
    pub(super) answer: oneshot::Sender<Result<(), SocketIoRefusal>>,
}

/// What a websocket needs in order to go on with a session.
pub(super) struct TakenOver {
    pub(super) sid: String,
    /// What the client has said of itself in its query.
    pub(super) identification: Identification,
    /// The facts about the client; `None` if it has not connected yet.
    pub(super) facts: Option<Facts>,
    /// The packets that wait for the client, except lists, which the log has too.
    pub(super) packets: Vec<String>,
    /// The session, if nodes share it. It ends once the websocket listens.
    pub(super) shared: Option<SharedSession>,
}
