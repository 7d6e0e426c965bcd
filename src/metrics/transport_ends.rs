//! Counts the transports that have ended, by kind and reason.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use channelstream_actors::error::CloseReason;
use channelstream_actors::transport::{ByTransport, Transport};

/// The reason why a transport has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportEnd {
    /// The client has closed the transport properly.
    Client,
    /// The socket is gone, and the client did not close it.
    Lost,
    /// The poll was answered.
    Answered,
    /// The client violated the websocket protocol.
    Violation,
    /// The server has closed the transport for this reason.
    Closed(CloseReason),
}

/// The names of the reasons, in the order of [`TransportEnd::index`].
const NAMES: [&str; 12] = [
    "client",
    "lost",
    "answered",
    "violation",
    "disconnected",
    "restart",
    "replaced",
    "too_slow",
    "idle",
    "unknown_connection",
    "full",
    "fault",
];

impl TransportEnd {
    /// Returns the name of the reason in metrics and in the log.
    pub fn name(self) -> &'static str {
        NAMES.get(self.index()).copied().unwrap_or_default()
    }

    fn index(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Lost => 1,
            Self::Answered => 2,
            Self::Violation => 3,
            Self::Closed(CloseReason::Disconnected) => 4,
            Self::Closed(CloseReason::Restart { .. }) => 5,
            Self::Closed(CloseReason::Replaced) => 6,
            Self::Closed(CloseReason::TooSlow) => 7,
            Self::Closed(CloseReason::Idle) => 8,
            Self::Closed(CloseReason::UnknownConnection) => 9,
            Self::Closed(CloseReason::Full(_)) => 10,
            Self::Closed(CloseReason::Fault) => 11,
        }
    }
}

/// Returns the name of a kind of transport in metrics and in the log.
pub fn name_of(transport: Transport) -> &'static str {
    match transport {
        Transport::Websocket => "websocket",
        Transport::EventStream => "sse",
        Transport::LongPoll => "long_poll",
        Transport::SocketIo => "socketio",
        Transport::SocketIoPolling => "socketio_polling",
    }
}

/// The counts of transports that have ended.
#[derive(Debug, Default)]
pub struct TransportEndCounts(ByTransport<[AtomicU64; NAMES.len()]>);

/// The number of transports of a kind that have ended for a reason.
#[derive(Clone, Copy, Debug)]
pub struct TransportEndCount {
    /// The kind of transport.
    pub transport: &'static str,
    /// The name of the reason.
    pub reason: &'static str,
    /// The number of transports.
    pub count: u64,
}

impl TransportEndCounts {
    /// Counts a transport that has ended.
    pub fn add(&self, transport: Transport, end: TransportEnd) {
        if let Some(count) = self.0.get(transport).get(end.index()) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Returns the counts that are not zero.
    pub fn read(&self) -> Vec<TransportEndCount> {
        let of_transport = |transport| {
            let counts = self.0.get(transport).each_ref();
            let with_reason = move |(reason, count): (_, &AtomicU64)| TransportEndCount {
                transport: name_of(transport),
                reason,
                count: count.load(Relaxed),
            };
            NAMES.into_iter().zip(counts).map(with_reason)
        };
        Transport::ALL
            .into_iter()
            .flat_map(of_transport)
            .filter(|it| it.count > 0)
            .collect()
    }
}
