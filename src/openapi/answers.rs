//! The answers that report errors, for the description of the API. `error.rs` decides which error
//! becomes which answer.

use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::validation::errors::Errors;

/// The answer to a call that was refused, or whose outcome is unknown.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refusal {
    /// The reason for the refusal, or why the outcome is unknown.
    #[schema(example = "The call is not signed: x-channelstream-secret is missing.")]
    request: String,
    /// Absent if nothing was done. `unknown` if done but not stored, or if the answer is too large.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "unknown")]
    outcome: Option<&'static str>,
}

impl Refusal {
    /// Creates the answer to a call of which nothing was done.
    pub fn of(reason: impl Into<String>) -> Self {
        Self {
            request: reason.into(),
            outcome: None,
        }
    }

    /// Creates the answer to a call that was done, or may have been done, and may be lost.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self {
            outcome: Some("unknown"),
            ..Self::of(reason)
        }
    }
}

/// The answer to a request for `/socket.io/` that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SocketIoRefusal {
    /// The number by which clients recognise the reason.
    #[schema(example = 5)]
    code: u8,
    /// The reason for the refusal, in the words of the protocol.
    #[schema(example = "Unsupported protocol version")]
    pub message: &'static str,
}

impl SocketIoRefusal {
    /// The transport is missing, or is not one that this server speaks.
    pub const UNKNOWN_TRANSPORT: Self = Self::new(0, "Transport unknown");
    /// The session does not exist.
    pub const UNKNOWN_SESSION: Self = Self::new(1, "Session ID unknown");
    /// The method is neither GET nor POST, or a POST names no session.
    pub const WRONG_METHOD: Self = Self::new(2, "Bad handshake method");
    /// The body is no list of packets, a second poll came while one waited, or a request for a
    /// websocket does not ask for an upgrade.
    pub const BAD_REQUEST: Self = Self::new(3, "Bad request");
    /// The client speaks another version of the protocol.
    pub const WRONG_VERSION: Self = Self::new(5, "Unsupported protocol version");

    const fn new(code: u8, message: &'static str) -> Self {
        Self { code, message }
    }
}

/// The errors that any request may get.
#[derive(IntoResponses)]
pub enum CommonErrors {
    /// The body is not JSON or did not arrive, or the request asks for an upgrade that this path
    /// does not offer.
    #[response(status = 400)]
    NotReadable(Refusal),
    /// The request came through a proxy while the server uses a default secret, which everyone
    /// knows.
    #[response(status = 403)]
    NotAllowed(Refusal),
    /// The head or the body of the request did not arrive in time, and the socket is closed.
    #[response(status = 408)]
    TooSlow(Refusal),
    /// The body is larger than `body_limit`, or is larger than 4,096 bytes in a call that needs no
    /// signature.
    #[response(status = 413)]
    TooLarge(Refusal),
    /// The client's address sends too many requests, or has too many connections.
    #[response(status = 429, headers(
        ("Retry-After" = u64, description = "The number of seconds after which to try again.")
    ))]
    TooMany(Refusal),
}

/// The error that any request may get, except requests for `/health` and `/ready`.
#[derive(IntoResponses)]
pub enum HttpsOnly {
    /// The request came by http, and the server serves https only (`enforce_https`).
    #[response(status = 406)]
    NotHttps(Refusal),
}

/// The error of a call whose body breaks rules.
#[derive(IntoResponses)]
pub enum InvalidBody {
    /// The request breaks rules, and nothing has changed. The answer names all wrong fields.
    #[response(status = 422, headers(
        ("X-Channelstream-Hint" = String, description = "An explanation of the first error whose \
            message says too little. It is absent if every message says enough.")
    ))]
    Invalid(Errors),
}

/// The error of a query that breaks rules.
#[derive(IntoResponses)]
pub enum InvalidQuery {
    /// A parameter of the query is wrong. The list says which one.
    #[response(status = 422, headers(
        ("X-Channelstream-Hint" = String, description = "The right form of a `conn_id`, if the \
            `conn_id` is wrong. Otherwise the header is absent.")
    ))]
    Invalid(Vec<String>),
}

/// The errors that any signed call may get.
#[derive(IntoResponses)]
pub enum SignedErrors {
    /// The signature is wrong, malformed, more than 60 seconds old, or refused by a setting.
    #[response(status = 401, headers(
        ("X-Channelstream-Hint" = String, description = "The reason: `signature does not match`, \
            `signature too old`, or another fault of the signature.")
    ))]
    BadSignature(Refusal),
    /// The call has no signature, the caller's address is not in `allow_posting_from`, or the call
    /// came through a proxy while the server uses a default secret.
    #[response(status = 403)]
    NotAllowed(Refusal),
    /// The server cannot do this now. Nothing was done, unless `outcome` is `unknown`.
    #[response(status = 503, headers(
        ("Retry-After" = u64, description = "The number of seconds after which to try again.")
    ))]
    Refused(Refusal),
}

/// The error that a page may get when it listens by HTTP.
#[derive(IntoResponses)]
pub enum ListenErrors {
    /// The connection is not known. Connect again through the application.
    #[response(status = 401)]
    UnknownConnection(Refusal),
}

/// The additional errors that a page may get when it opens a websocket or an event stream.
#[derive(IntoResponses)]
pub enum OriginErrors {
    /// The page's origin is not in `allow_origins`, or the request came through a proxy while the
    /// server uses a default secret, which everyone knows.
    #[response(status = 403)]
    NotAllowed(Refusal),
    /// The server cannot serve clients now, because it cannot reach Redis. Come back later.
    #[response(status = 503, headers(
        ("Retry-After" = u64, description = "The number of seconds after which to try again.")
    ))]
    Refused(Refusal),
}

/// The body of an answer to a request of a Socket.IO client that was refused.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum SocketIoBadRequest {
    /// The client asks for something that this server does not offer.
    Protocol(SocketIoRefusal),
    /// The request could not be read.
    Request(Refusal),
}

/// The additional error that a Socket.IO client may get.
#[derive(IntoResponses)]
pub enum SocketIoErrors {
    /// The client asks for another version of the protocol, another transport, or a session that
    /// does not exist, sends what is no list of packets, polls while another poll waits, or asks
    /// for a websocket without an upgrade.
    #[response(status = 400)]
    Refused(SocketIoBadRequest),
}

/// The additional error that a page may get when it listens by long-poll.
#[derive(IntoResponses)]
pub enum PollErrors {
    /// The server is stopping, or has too many connections (`max_connections`). Come back later.
    #[response(status = 503, headers(
        ("Retry-After" = u64, description = "The number of seconds after which to try again.")
    ))]
    Stopping(Refusal),
}

/// The errors that a request for the metrics may get.
#[derive(IntoResponses)]
pub enum MetricsErrors {
    /// The signature is wrong, malformed, more than 60 seconds old, or refused by a setting.
    #[response(status = 401, headers(
        ("X-Channelstream-Hint" = String, description = "The reason: `signature does not match`, \
            `signature too old`, or another fault of the signature.")
    ))]
    BadSignature(Refusal),
    /// The request has neither a session nor a signature, and the caller's address is not in
    /// `allow_posting_from` or is hidden by a proxy. A request that came through a proxy while the
    /// server uses a default secret gets the same answer.
    #[response(status = 403)]
    NotAllowed(Refusal),
    /// The memory for the signatures of `reject_replays` is full (`replay_bytes`).
    #[response(status = 503, headers(
        ("Retry-After" = u64, description = "The number of seconds after which to try again.")
    ))]
    TooManySignatures(Refusal),
}

/// The errors that any call of an operator may get.
#[derive(IntoResponses)]
pub enum AdminErrors {
    /// The caller has neither a session nor a signature, and is redirected to the sign-in page.
    #[response(status = 302, content_type = "text/plain", headers(
        ("Location" = String, description = "The address of the sign-in page.")
    ))]
    NoSession(String),
    /// The signature is wrong, malformed, more than 60 seconds old, or refused by a setting.
    #[response(status = 401, headers(
        ("X-Channelstream-Hint" = String, description = "The reason: `signature does not match`, \
            `signature too old`, or another fault of the signature.")
    ))]
    BadSignature(Refusal),
    /// A page of another site uses the session, the address of a signed call is not in
    /// `allow_posting_from`, or the request came through a proxy while the server uses a default
    /// secret.
    #[response(status = 403)]
    NotAllowed(Refusal),
    /// The server cannot do this now. Nothing was done, unless `outcome` is `unknown`.
    #[response(status = 503, headers(
        ("Retry-After" = u64, description = "The number of seconds after which to try again.")
    ))]
    Refused(Refusal),
}
