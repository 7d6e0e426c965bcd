//! The phase of a websocket: which sides have ended it.

/// The phase of the websocket: which sides have ended it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WebSocketPhase {
    /// Both sides send.
    Open,
    /// The server has sent its close frame, and waits for the client's close frame for up to
    /// `close_grace`.
    Closing,
    /// The client has sent its last byte, but no close frame. The server still sends lists until no
    /// frame waits.
    HalfClosed,
    /// Both sides have ended. The websocket ends once the waiting frames are written, or after
    /// `close_grace`.
    Closed,
}

impl WebSocketPhase {
    /// Returns whether the server may send lists and heartbeats. It may until its close frame.
    pub(super) fn is_sending(self) -> bool {
        matches!(self, Self::Open | Self::HalfClosed)
    }

    /// Returns whether more is read from the client. If not, the websocket ends once no frame of
    /// the server waits.
    pub(super) fn is_reading(self) -> bool {
        matches!(self, Self::Open | Self::Closing)
    }

    /// Returns the phase after the server has sent its close frame.
    pub(super) fn after_close_frame(self) -> Self {
        match self {
            Self::Open | Self::Closing => Self::Closing,
            Self::HalfClosed | Self::Closed => Self::Closed,
        }
    }

    /// Returns the phase after the last byte that is read from the client.
    pub(super) fn after_last_read(self) -> Self {
        match self {
            Self::Open | Self::HalfClosed => Self::HalfClosed,
            Self::Closing | Self::Closed => Self::Closed,
        }
    }
}
