//! What calls answer when they are not done, for the description. Which error becomes which answer
//! stands in `error.rs`.

use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::validation::errors::Errors;

/// A call that was not done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refusal {
    /// The reason why the call was not done.
    #[schema(example = "The call is not signed: x-channelstream-secret is missing.")]
    request: String,
    /// Always `unknown`, where the call was done but may be lost at the next start; absent where nothing of it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "unknown")]
    outcome: Option<&'static str>,
}

impl Refusal {
    /// Gives the reason.
    pub fn of(reason: impl Into<String>) -> Self {
        Self {
            request: reason.into(),
            outcome: None,
        }
    }

    /// Gives the reason why it is not known what becomes of a call that was done.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self {
            outcome: Some("unknown"),
            ..Self::of(reason)
        }
    }
}

/// What every request may be answered.
#[derive(IntoResponses)]
pub enum CommonErrors {
    /// The body is not JSON or did not arrive, or the request asks for an upgrade that only `/ws`
    /// offers.
    #[response(status = 400)]
    NotReadable(Refusal),
    /// The request came through a proxy while a default secret is in force, which everyone knows.
    #[response(status = 403)]
    NotAllowed(Refusal),
    /// The head or the body of the request did not arrive in time, and the socket is closed.
    #[response(status = 408)]
    TooSlow(Refusal),
    /// The body is larger than `body_limit`, or than 4,096 bytes where no signature is needed.
    #[response(status = 413)]
    TooLarge(Refusal),
    /// The address of the client calls too often, or has too many connections.
    #[response(status = 429, headers(
        ("Retry-After" = u64, description = "The number of seconds after which to try again.")
    ))]
    TooMany(Refusal),
}

/// What every request but those for `/health` and `/ready` may be answered.
#[derive(IntoResponses)]
pub enum HttpsOnly {
    /// The request came by http, and the server serves https only (`enforce_https`).
    #[response(status = 406)]
    NotHttps(Refusal),
}

/// What a call whose body breaks rules is answered.
#[derive(IntoResponses)]
pub enum InvalidBody {
    /// The request breaks rules, and nothing has changed. The answer names all wrong fields.
    #[response(status = 422, headers(
        ("X-Channelstream-Hint" = String, description = "Explains the first error whose message says little; it may be absent.")
    ))]
    Invalid(Errors),
}

/// What a query that breaks rules is answered.
#[derive(IntoResponses)]
pub enum InvalidQuery {
    /// A parameter of the query is wrong, and the list says which.
    #[response(status = 422, headers(
        ("X-Channelstream-Hint" = String, description = "Explains what a `conn_id` looks like when it is wrong, and is absent otherwise.")
    ))]
    Invalid(Vec<String>),
}

/// What every signed call may be answered.
#[derive(IntoResponses)]
pub enum SignedErrors {
    /// The signature is wrong, malformed, more than 60 seconds old, or not one that the settings
    /// accept.
    #[response(status = 401, headers(
        ("X-Channelstream-Hint" = String, description = "Says `signature does not match`, `signature too old`, or what else is wrong with it.")
    ))]
    BadSignature(Refusal),
    /// The call has no signature, its address is not in `allow_posting_from`, or it came through a
    /// proxy while a default secret is in force.
    #[response(status = 403)]
    NotAllowed(Refusal),
    /// The server cannot do this now. Nothing of it was done, unless `outcome` is `unknown`.
    #[response(status = 503, headers(
        ("Retry-After" = u64, description = "The number of seconds after which to try again.")
    ))]
    Refused(Refusal),
}

/// What a page that listens by HTTP may be answered.
#[derive(IntoResponses)]
pub enum ListenErrors {
    /// The connection is not known. Connect again through the application.
    #[response(status = 401)]
    UnknownConnection(Refusal),
}

/// What a page that opens a websocket or an event stream may be answered as well.
#[derive(IntoResponses)]
pub enum OriginErrors {
    /// The page's origin is not in `allow_origins`, or the request came through a proxy while a
    /// default secret is in force, which everyone knows.
    #[response(status = 403)]
    NotAllowed(Refusal),
}

/// What a page that listens by long-poll may be answered as well.
#[derive(IntoResponses)]
pub enum PollErrors {
    /// The server is stopping, or has too many connections (`max_connections`). Come back later.
    #[response(status = 503, headers(
        ("Retry-After" = u64, description = "The number of seconds after which to try again.")
    ))]
    Stopping(Refusal),
}

/// What a request for the metrics may be answered.
#[derive(IntoResponses)]
pub enum WatchErrors {
    /// The signature is wrong, malformed, more than 60 seconds old, or not one that the settings
    /// accept.
    #[response(status = 401, headers(
        ("X-Channelstream-Hint" = String, description = "Says `signature does not match`, `signature too old`, or what else is wrong with it.")
    ))]
    BadSignature(Refusal),
    /// The address is not in `allow_posting_from`, or a proxy hides it, and there is neither a session nor
    /// a signature; or the request came through a proxy while a default secret is in force.
    #[response(status = 403)]
    MayNotWatch(Refusal),
    /// The signatures that `reject_replays` remembers fill `replay_bytes`.
    #[response(status = 503, headers(
        ("Retry-After" = u64, description = "The number of seconds after which to try again.")
    ))]
    TooManySignatures(Refusal),
}

/// What every call of an operator may be answered.
#[derive(IntoResponses)]
pub enum AdminErrors {
    /// The caller has neither a session nor a signature, and is sent to the page to sign in.
    #[response(status = 302, content_type = "text/plain", headers(
        ("Location" = String, description = "The address of the page to sign in.")
    ))]
    NoSession(String),
    /// The signature is wrong, malformed, more than 60 seconds old, or not one that the settings
    /// accept.
    #[response(status = 401, headers(
        ("X-Channelstream-Hint" = String, description = "Says `signature does not match`, `signature too old`, or what else is wrong with it.")
    ))]
    BadSignature(Refusal),
    /// The session is used by a page of another site, the address of a signed call is not in
    /// `allow_posting_from`, or the request came through a proxy while a default secret is in
    /// force.
    #[response(status = 403)]
    NotAllowed(Refusal),
    /// The server cannot do this now. Nothing of it was done, unless `outcome` is `unknown`.
    #[response(status = 503, headers(
        ("Retry-After" = u64, description = "The number of seconds after which to try again.")
    ))]
    Refused(Refusal),
}
