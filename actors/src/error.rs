//! The reasons why operations are refused, and why transports are closed.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::limits::{LimitKind, LimitReached};

/// A refusal of an operation that the server cannot take now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the server cannot take this call now{}; {outcome}", DescribeLimit(*.limit))]
pub struct Refused {
    /// The limit of the server that is reached; `None` if no limit is the reason.
    pub limit: Option<LimitKind>,
    /// The time after which the caller may try again.
    pub retry_after: Duration,
    /// The outcome of the operation.
    pub outcome: Outcome,
}

/// The outcome of an operation that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Outcome {
    /// Nothing was done.
    #[error("nothing was done")]
    NotDone,
    /// The operation was done, and others were told of it, but the store could not keep it. It may
    /// be lost at the next start.
    #[error("it was done, but the store could not keep it, so it may be lost at the next start")]
    NotKept,
    /// Redis has not answered, or its replicas have not confirmed the operation. It may have been
    /// done or not, and if it was done, it may be lost.
    #[error("it may have been done or not, since Redis has not confirmed it in time")]
    Unknown,
}

impl Refused {
    /// A refusal without a limit. Nothing was done, and the caller may try again in a second.
    pub const TRY_AGAIN: Self = Self {
        limit: None,
        retry_after: Duration::from_secs(1),
        outcome: Outcome::NotDone,
    };

    /// Returns the refusal of a call that had already changed something. Its caller does not learn
    /// what the change was.
    pub const fn after_change(self) -> Self {
        Self {
            outcome: Outcome::Unknown,
            ..self
        }
    }

    /// Returns the refusal for a limit of the server that is reached. Nothing was done, and the
    /// caller may try again in a second.
    pub const fn full(limit: LimitKind) -> Self {
        Self {
            limit: Some(limit),
            ..Self::TRY_AGAIN
        }
    }
}

/// The limit that is the reason for a refusal, as a part of a sentence.
struct DescribeLimit(Option<LimitKind>);

impl fmt::Display for DescribeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(kind) => write!(f, ": {}", kind.describe_full()),
            None => Ok(()),
        }
    }
}

impl From<NotKept> for Refused {
    fn from(_: NotKept) -> Self {
        Self {
            outcome: Outcome::NotKept,
            ..Self::TRY_AGAIN
        }
    }
}

/// An error: the operation was done, but the store could not keep it. It may be lost at the next
/// start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the call was done, but the store could not keep it")]
pub struct NotKept;

/// The reason why a connection was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotConnected {
    /// The id belongs to another user's connection.
    #[error(transparent)]
    InUse(InUse),
    /// The call would go beyond a limit.
    #[error(transparent)]
    Limit(LimitReached),
    /// The server cannot take the call now.
    #[error(transparent)]
    Refused(Refused),
}

/// The reason why an operation on a connection or user was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// There is no such connection or user.
    Unknown(Unknown),
    /// The operation would go beyond a limit.
    Limit(LimitReached),
    /// The server cannot take the call now.
    Refused(Refused),
}

impl From<Unknown> for NotDone {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

impl From<LimitReached> for NotDone {
    fn from(reached: LimitReached) -> Self {
        Self::Limit(reached)
    }
}

impl From<Refused> for NotDone {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// An error: the connection or user does not exist, or no longer exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no such connection or user")]
pub struct Unknown;

/// The reason why a transport was not attached to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAttached {
    /// There is no such connection. Its client has to connect again through the application.
    Unknown,
    /// The server cannot serve the connection now, and may not know whether it exists. Its client
    /// may come back.
    Refused(Refused),
}

impl NotAttached {
    /// Returns the reason for which the transport is closed.
    pub fn close_reason(self) -> CloseReason {
        match self {
            Self::Unknown => CloseReason::UnknownConnection,
            Self::Refused(Refused { retry_after, .. }) => CloseReason::Restart {
                wait: retry_after.as_secs(),
            },
        }
    }
}

impl From<Refused> for NotAttached {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// An error: the connection id belongs to another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("connection id already in use")]
pub struct InUse;

/// An error: entries after a subscriber's position have left the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("entries after the position are gone")]
pub struct Lost;

macro_rules! close_codes {
    ($($(#[doc = $about:literal])+ $variant:ident = $code:literal;)+) => {
        /// The code of a websocket's close frame, or of an event stream's event `close`.
        /// `docs/errors.md` has a section for each of them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum CloseCode {
            $($(#[doc = $about])+ $variant = $code,)+
        }

        impl CloseCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the code as a number.
            pub const fn number(self) -> u16 {
                self as u16
            }
        }
    };
}

close_codes! {
    /// The client closed the websocket, or the connection was disconnected.
    Normal = 1000;
    /// The client broke the websocket protocol.
    ProtocolError = 1002;
    /// The client sent too many frames.
    TooManyFrames = 1008;
    /// A frame of the client was too large.
    TooBig = 1009;
    /// The server restarts.
    Restart = 1012;
    /// The server has no room for the client.
    TryLater = 1013;
    /// A newer transport of the same connection took over.
    Replaced = 4001;
    /// The client read too slowly.
    TooSlow = 4002;
    /// The client was not heard from.
    Idle = 4003;
    /// The connection is unknown, or a fault of the server has ended it.
    ConnectAgain = 4004;
}

/// The reason why a transport is closed (`protocol.md` §13). Websockets carry [`code`](Self::code)
/// and [`reason`](Self::reason) in their close frame; a long-poll ends with an empty list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The connection was disconnected by `/disconnect`.
    Disconnected,
    /// The server stops.
    Restart {
        /// The number of seconds after which the client is to come back. It differs between
        /// clients, so that not all come back at once.
        wait: u64,
    },
    /// A newer transport of the same connection took over.
    Replaced,
    /// The client read too slowly: entries that it had not read have left the log.
    TooSlow,
    /// The client was not heard from for too long.
    Idle,
    /// The connection is not known. The client has to connect again through the application.
    UnknownConnection,
    /// The server has no room for the client, because it has reached this limit.
    Full(LimitKind),
    /// A fault of the server has ended the connection, or an actor that it relied on.
    Fault,
}

impl CloseReason {
    /// The code of the websocket close frame.
    pub fn code(self) -> CloseCode {
        match self {
            Self::Disconnected => CloseCode::Normal,
            Self::Restart { .. } => CloseCode::Restart,
            Self::Full(_) => CloseCode::TryLater,
            Self::Replaced => CloseCode::Replaced,
            Self::TooSlow => CloseCode::TooSlow,
            Self::Idle => CloseCode::Idle,
            // Clients do the same in both cases: they connect again through the application.
            Self::UnknownConnection | Self::Fault => CloseCode::ConnectAgain,
        }
    }

    /// The text of the websocket close frame.
    pub fn reason(self) -> Cow<'static, str> {
        let text = match self {
            Self::Disconnected => "disconnected",
            Self::Restart { wait } => {
                return format!("the server restarts; come back in {wait} s").into();
            }
            Self::Replaced => "replaced by a newer transport of this connection",
            Self::TooSlow => "too slow: unread messages have left the log",
            Self::Idle => "idle: nothing heard from the client",
            Self::UnknownConnection => "unknown connection; connect again through the application",
            Self::Full(limit) => {
                return format!("{}; try again later", limit.describe_full()).into();
            }
            Self::Fault => "a fault of the server; connect again through the application",
        };
        text.into()
    }
}
