//! The names of the transports, by which the broker counts and logs them.

use serde::Serialize;

/// A way in which clients listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Transport {
    /// A websocket.
    #[serde(rename = "websocket")]
    Websocket,
    /// A stream of server-sent events.
    #[serde(rename = "server-sent events")]
    EventStream,
    /// A request that is answered when there are events.
    #[serde(rename = "long-poll")]
    LongPoll,
    /// A websocket of a Socket.IO client.
    #[serde(rename = "Socket.IO")]
    SocketIo,
    /// The polls of a Socket.IO client.
    #[serde(rename = "Socket.IO polling")]
    SocketIoPolling,
}

impl Transport {
    /// All transports.
    pub const ALL: [Self; 5] = [
        Self::Websocket,
        Self::EventStream,
        Self::LongPoll,
        Self::SocketIo,
        Self::SocketIoPolling,
    ];
}

/// A value for each transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ByTransport<T> {
    /// The value for websockets.
    pub websocket: T,
    /// The value for server-sent events.
    pub event_stream: T,
    /// The value for long-polls.
    pub long_poll: T,
    /// The value for websockets of Socket.IO.
    pub socket_io: T,
    /// The value for polls of Socket.IO.
    pub socket_io_polling: T,
}

impl<T> ByTransport<T> {
    pub(crate) fn of(&mut self, transport: Transport) -> &mut T {
        match transport {
            Transport::Websocket => &mut self.websocket,
            Transport::EventStream => &mut self.event_stream,
            Transport::LongPoll => &mut self.long_poll,
            Transport::SocketIo => &mut self.socket_io,
            Transport::SocketIoPolling => &mut self.socket_io_polling,
        }
    }

    /// Returns the value for a transport.
    pub fn get(&self, transport: Transport) -> &T {
        match transport {
            Transport::Websocket => &self.websocket,
            Transport::EventStream => &self.event_stream,
            Transport::LongPoll => &self.long_poll,
            Transport::SocketIo => &self.socket_io,
            Transport::SocketIoPolling => &self.socket_io_polling,
        }
    }

    /// Combines the two values for each transport with `combine`, and returns the results.
    pub fn zip<U, V>(
        &self,
        other: &ByTransport<U>,
        combine: impl Fn(&T, &U) -> V,
    ) -> ByTransport<V> {
        ByTransport {
            websocket: combine(&self.websocket, &other.websocket),
            event_stream: combine(&self.event_stream, &other.event_stream),
            long_poll: combine(&self.long_poll, &other.long_poll),
            socket_io: combine(&self.socket_io, &other.socket_io),
            socket_io_polling: combine(&self.socket_io_polling, &other.socket_io_polling),
        }
    }
}
