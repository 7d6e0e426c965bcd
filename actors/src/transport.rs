//! The ways to listen, as far as the broker knows of them: their names, to be counted and told.

use serde::Serialize;

/// The three ways to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Transport {
    /// A websocket.
    #[serde(rename = "websocket")]
    Websocket,
    /// A stream of server-sent events.
    #[serde(rename = "server-sent events")]
    EventStream,
    /// A request that waits.
    #[serde(rename = "long-poll")]
    LongPoll,
}

/// Something for each transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ByTransport<T> {
    /// Of websockets.
    pub websocket: T,
    /// Of server-sent events.
    pub event_stream: T,
    /// Of long-polls.
    pub long_poll: T,
}

impl<T> ByTransport<T> {
    pub(crate) fn of(&mut self, transport: Transport) -> &mut T {
        match transport {
            Transport::Websocket => &mut self.websocket,
            Transport::EventStream => &mut self.event_stream,
            Transport::LongPoll => &mut self.long_poll,
        }
    }

    /// For each transport what `change` makes of it and of what `other` has for it.
    pub fn zip<U, V>(
        &self,
        other: &ByTransport<U>,
        change: impl Fn(&T, &U) -> V,
    ) -> ByTransport<V> {
        ByTransport {
            websocket: change(&self.websocket, &other.websocket),
            event_stream: change(&self.event_stream, &other.event_stream),
            long_poll: change(&self.long_poll, &other.long_poll),
        }
    }
}
