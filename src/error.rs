//! The only place that turns errors into answers. It has no side effects: the middleware counts and
//! logs the refusals (`logging/refusals.rs`).

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use channelstream_actors::broker::once::CallError;
use channelstream_actors::error::{NotAttached, NotConnected, NotDone, Outcome, Refused};
use channelstream_actors::limits::{LimitKind, LimitReached};
use thiserror::Error;

use crate::client_limits::RateExceeded;
use crate::error_name::{ERROR_NAME, ErrorName};
use crate::openapi::answers::{Refusal, SocketIoRefusal};
use crate::signature::SignatureFlaw;
use crate::signature::verifier::NotVerified;
use crate::validation::errors::Errors;
use crate::validation::parameters::{CONN_ID, WrongParameter};

/// The reason why a request is not done.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The caller's address is not in `allow_posting_from`.
    #[error("the address {address} may not make signed calls")]
    AddressNotAllowed {
        /// The address that was seen.
        address: String,
    },
    /// The origin of the page may not listen here.
    #[error("pages of the origin {origin} may not listen here: it is not in allow_origins")]
    OriginNotAllowed {
        /// The origin that was seen.
        origin: String,
    },
    /// The call has no signature.
    #[error("the call is not signed")]
    NotSigned,
    /// The call has neither a session nor a signature, and a redirect to the sign-in page would not
    /// help its caller.
    #[error("the call has no session and is not signed")]
    NoCredentials,
    /// The signature is wrong, malformed or too old.
    #[error("{0}")]
    BadSignature(SignatureFlaw),
    /// The memory for used signatures is full (`reject_replays`).
    #[error(
        "the memory for the signatures of the last minute is full (replay_bytes); nothing of this \
         was done"
    )]
    TooManySignatures,
    /// The body breaks rules.
    #[error("the request breaks rules")]
    Invalid(Errors),
    /// The fields of the query break rules.
    #[error("the query breaks rules")]
    InvalidQuery(Errors),
    /// The body is not JSON.
    #[error("{reason}")]
    NotJson {
        /// The reason, with the place in the body.
        reason: String,
    },
    /// The body is too large.
    #[error("the body is larger than {limit} bytes (body_limit)")]
    TooLarge {
        /// The largest size that is allowed, in bytes.
        limit: usize,
    },
    /// The body is too large for a call that needs no signature.
    #[error("the body is larger than {limit} bytes; only signed calls may send more")]
    TooLargeUnsigned {
        /// The largest size that is allowed, in bytes.
        limit: usize,
    },
    /// The body with the packets of a Socket.IO client is too large.
    #[error("the packets are larger than {limit} bytes (frame_limit)")]
    TooLargePackets {
        /// The largest size that is allowed, in bytes.
        limit: usize,
    },
    /// The body did not arrive in time.
    #[error("the body {0}")]
    TooSlow(String),
    /// A parameter of the query is wrong.
    #[error("{0}")]
    BadQuery(String),
    /// A client names a connection that is not known.
    #[error("unknown connection; connect again through the application")]
    UnknownConnection,
    /// The request for `/ws` does not ask for an upgrade.
    #[error("this path is a websocket and needs an upgrade: {0}")]
    NoUpgrade(String),
    /// The request asks for an upgrade or a tunnel on a path that is not a websocket.
    #[error(
        "only /ws and /socket.io/ can be upgraded to a websocket; send this request without \
         Upgrade, and not by CONNECT"
    )]
    Upgrade,
    /// A Socket.IO client asks for something that this server does not offer.
    #[error("{}", .0.message)]
    SocketIo(SocketIoRefusal),
    /// The request came through a proxy while the server uses a default secret.
    #[error(
        "This request came through a proxy (it has the header {header}), but the server uses the \
         default of {secrets}, which everyone knows. Set {secrets} to values of your own. During \
         development you can name the proxy in trusted_proxies instead."
    )]
    DefaultSecretBehindProxy {
        /// The header that only proxies add.
        header: &'static str,
        /// The setting keys of the secrets that have their default value.
        secrets: String,
    },
    /// The request came by HTTP, and only HTTPS is served.
    #[error("This server accepts https only (enforce_https).")]
    NotHttps,
    /// A page of another site uses an operator's session.
    #[error("this request was sent by a page of another site")]
    ForeignPage,
    /// The admin pages need a session.
    #[error("sign in first")]
    NoSession {
        /// The address of the sign-in page.
        sign_in: String,
    },
    /// The request may not read the metrics.
    #[error(
        "only addresses in allow_posting_from, signed requests and operators who are signed in to \
         the admin panel may read the metrics; this request came from {address}{}",
        hidden_sender(.is_forwarded)
    )]
    MetricsNotAllowed {
        /// The address that was seen.
        address: String,
        /// Whether the request came through a proxy that does not say for certain who sent it.
        is_forwarded: bool,
    },
    /// The server is about to stop.
    #[error("the server is stopping; nothing of this was done")]
    Stopping,
    /// The broker cannot do this now.
    #[error("{0}")]
    Refused(Refused),
    /// There is no memory for an answer of this size.
    #[error(
        "there is no room for an answer of this size now (memory_limit), but the changes of the \
         call are done; ask for a smaller answer with `info`"
    )]
    AnswerRefused(Refused),
    /// The client's address has reached a limit.
    #[error(
        "more {} than allowed ({}); try again in {retry_after} s",
        kind.what(),
        kind.setting()
    )]
    TooMany {
        /// The limit.
        kind: LimitKind,
        /// The number of seconds after which to try again.
        retry_after: u64,
    },
    /// The server has a fault.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

/// Returns the reason why the address of a request does not count, if a proxy hides the sender.
fn hidden_sender(is_forwarded: &bool) -> &'static str {
    if *is_forwarded {
        " through a proxy that is not in trusted_proxies, or that does not say who sent it"
    } else {
        ""
    }
}

impl ApiError {
    /// Creates the error of a body that cannot be read.
    pub fn not_json(reason: impl Into<String>) -> Self {
        Self::NotJson {
            reason: reason.into(),
        }
    }

    /// Creates the error of a client whose address has reached a limit. The client may try again in
    /// a second.
    pub fn too_many(kind: LimitKind) -> Self {
        Self::TooMany {
            kind,
            retry_after: 1,
        }
    }

    /// Creates the error of one wrong field.
    pub fn field(name: ErrorName, field: &str, message: &str) -> Self {
        Self::Invalid(Errors::part(field, Errors::message(name, message)))
    }

    /// Creates the error of an operation on a connection or user. `unknown` is the error of `field`
    /// if the connection or user is gone since it was looked up.
    pub fn not_done(error: NotDone, field: &str, unknown: Errors) -> Self {
        match error {
            NotDone::Unknown(_) => Self::Invalid(Errors::part(field, unknown)),
            NotDone::Limit(reached) => reached.into(),
            NotDone::Refused(refused) => refused.into(),
        }
    }
}

/// The header that explains an answer whose body has the words of the original server and says
/// little.
pub const HINT: &str = "x-channelstream-hint";

/// The maximum length of a hint, in characters. A hint may contain keys that the caller chose.
const LONGEST_HINT: usize = 300;

impl ApiError {
    /// Calls `count` for each limit that is the reason of the refusal.
    pub fn count_limits(&self, count: &mut impl FnMut(LimitKind)) {
        match self {
            Self::Invalid(errors) => errors.count_limits(count),
            Self::TooLarge { .. } => count(LimitKind::Body),
            Self::TooMany { kind, .. } => count(*kind),
            Self::Refused(Refused {
                limit: Some(kind), ..
            })
            | Self::AnswerRefused(Refused {
                limit: Some(kind), ..
            }) => count(*kind),
            _ => {}
        }
    }

    /// Returns the name of the error. Only errors of fields without a message have none.
    pub fn name(&self) -> Option<ErrorName> {
        Some(match self {
            Self::AddressNotAllowed { .. } => ErrorName::AddressNotAllowed,
            Self::OriginNotAllowed { .. } => ErrorName::OriginNotAllowed,
            Self::NotSigned | Self::NoCredentials => ErrorName::NotSigned,
            Self::BadSignature(SignatureFlaw::Foreign) => ErrorName::BadSignature,
            Self::BadSignature(SignatureFlaw::Old) => ErrorName::SignatureTooOld,
            Self::BadSignature(SignatureFlaw::Ahead) => ErrorName::SignatureAhead,
            Self::BadSignature(SignatureFlaw::OtherPath) => ErrorName::SignatureForOtherPath,
            Self::BadSignature(SignatureFlaw::NoNonce) => ErrorName::SignatureWithoutNonce,
            Self::BadSignature(SignatureFlaw::Used) => ErrorName::SignatureUsed,
            Self::TooManySignatures => ErrorName::SignatureMemoryFull,
            Self::Invalid(errors) | Self::InvalidQuery(errors) => return errors.error_name(),
            Self::NotJson { .. } => ErrorName::NotJson,
            Self::TooLarge { .. } => ErrorName::Limit(LimitKind::Body),
            Self::TooLargeUnsigned { .. } => ErrorName::UnsignedBodyTooLarge,
            Self::TooLargePackets { .. } => ErrorName::Limit(LimitKind::Frame),
            Self::TooSlow(_) => ErrorName::TooSlow,
            Self::BadQuery(_) => ErrorName::WrongParameter,
            Self::UnknownConnection => ErrorName::UnknownConnection,
            Self::NoUpgrade(_) => ErrorName::UpgradeRequired,
            Self::Upgrade => ErrorName::UpgradeNotOffered,
            Self::SocketIo(_) => ErrorName::SocketIoRefused,
            Self::DefaultSecretBehindProxy { .. } => ErrorName::DefaultSecretBehindProxy,
            Self::NotHttps => ErrorName::HttpsOnly,
            Self::ForeignPage => ErrorName::ForeignPage,
            Self::NoSession { .. } => ErrorName::SignInFirst,
            Self::MetricsNotAllowed { .. } => ErrorName::MetricsNotAllowed,
            Self::Stopping => ErrorName::Stopping,
            Self::Refused(Refused {
                outcome: Outcome::NotKept | Outcome::Unknown,
                ..
            }) => ErrorName::OutcomeUnknown,
            Self::Refused(Refused {
                limit: Some(kind), ..
            })
            | Self::TooMany { kind, .. } => ErrorName::Limit(*kind),
            Self::Refused(Refused { limit: None, .. }) => ErrorName::Busy,
            Self::AnswerRefused(_) => ErrorName::AnswerTooLarge,
            Self::Internal(_) => ErrorName::InternalError,
        })
    }

    /// Returns the explanation that is missing in the answer's body, as printable ASCII. About a
    /// signature, a stranger learns only whether it does not match or is too old.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::BadSignature(SignatureFlaw::Foreign) => "signature does not match".to_owned(),
            Self::BadSignature(SignatureFlaw::Old) => "signature too old".to_owned(),
            // The caller knows the secret, since the signature matches, so the details may be told.
            Self::BadSignature(flaw) => flaw.to_string(),
            Self::Invalid(errors) | Self::InvalidQuery(errors) => errors.hint()?,
            Self::BadQuery(message) if message == CONN_ID.wrong => {
                "conn_id: must be a UUID, such as 7d444840-9dc0-11d1-b245-5ffdce74fad2.".to_owned()
            }
            _ => return None,
        };
        let printable = |letter: char| {
            if letter == ' ' || letter.is_ascii_graphic() {
                letter
            } else {
                '?'
            }
        };
        Some(hint.chars().map(printable).take(LONGEST_HINT).collect())
    }
}

impl From<NotVerified> for ApiError {
    fn from(error: NotVerified) -> Self {
        match error {
            NotVerified::Address(address) => Self::AddressNotAllowed {
                address: address
                    .map_or_else(|| "unknown".to_owned(), |address| address.to_string()),
            },
            NotVerified::NotSigned => Self::NotSigned,
            NotVerified::Signature(flaw) => Self::BadSignature(flaw),
        }
    }
}

impl From<WrongParameter> for ApiError {
    fn from(WrongParameter(message): WrongParameter) -> Self {
        Self::BadQuery(message.to_owned())
    }
}

impl From<RateExceeded> for ApiError {
    fn from(RateExceeded { kind, retry_after }: RateExceeded) -> Self {
        Self::TooMany {
            kind,
            // Rounded up, so that a client that waits this long is not refused again.
            retry_after: retry_after.as_secs() + 1,
        }
    }
}

impl CallError for ApiError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(refused) => refused.outcome,
            _ => Outcome::NotDone,
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<NotAttached> for ApiError {
    fn from(error: NotAttached) -> Self {
        match error {
            NotAttached::Unknown => Self::UnknownConnection,
            NotAttached::Refused(refused) => refused.into(),
        }
    }
}

impl From<LimitReached> for ApiError {
    /// Names the field whose values exceed the limit.
    fn from(reached: LimitReached) -> Self {
        let field = match reached.kind() {
            LimitKind::ChannelsPerConnection => "channels",
            LimitKind::ConnectionsPerUser => "username",
            LimitKind::StateKeys | LimitKind::StateBytes => "user_state",
            _ => "_schema",
        };
        Self::Invalid(Errors::part(field, reached.into()))
    }
}

impl From<NotConnected> for ApiError {
    fn from(error: NotConnected) -> Self {
        match error {
            NotConnected::InUse(_) => Self::field(
                ErrorName::ConnIdInUse,
                "conn_id",
                "Connection id already in use.",
            ),
            NotConnected::Limit(reached) => reached.into(),
            NotConnected::Refused(refused) => refused.into(),
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::AddressNotAllowed { .. }
            | Self::OriginNotAllowed { .. }
            | Self::NotSigned
            | Self::NoCredentials
            | Self::DefaultSecretBehindProxy { .. }
            | Self::MetricsNotAllowed { .. }
            | Self::ForeignPage => StatusCode::FORBIDDEN,
            Self::NotHttps => StatusCode::NOT_ACCEPTABLE,
            Self::BadSignature(_) | Self::UnknownConnection => StatusCode::UNAUTHORIZED,
            Self::Invalid(_) | Self::InvalidQuery(_) | Self::BadQuery(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::NotJson { .. } | Self::Upgrade | Self::SocketIo(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. }
            | Self::TooLargeUnsigned { .. }
            | Self::TooLargePackets { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::NoUpgrade(_) => StatusCode::UPGRADE_REQUIRED,
            Self::NoSession { .. } => StatusCode::FOUND,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Refused(_)
            | Self::AnswerRefused(_)
            | Self::Stopping
            | Self::TooManySignatures => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status_code());
        if let Some(name) = self.name() {
            response.insert_header((ERROR_NAME, name.as_str()));
        }
        if let Some(hint) = self.hint() {
            response.insert_header((HINT, hint));
        }
        match self {
            // The answer tells a stranger nothing new: the caller knows its own address, and the
            // setting is documented.
            Self::AddressNotAllowed { address } => response.json(Refusal::of(format!(
                "The address {address} is not in allow_posting_from."
            ))),
            Self::NotSigned | Self::NoCredentials => response.json(Refusal::of(
                "The call is not signed: x-channelstream-secret is missing.",
            )),
            Self::BadSignature(_) => response.json(Refusal::of("Bad Signature")),
            Self::Invalid(errors) | Self::InvalidQuery(errors) => response.json(errors),
            Self::BadQuery(message) => response.json([message]),
            Self::SocketIo(refusal) => response.json(refusal),
            Self::NoUpgrade(_) => response
                .insert_header((header::UPGRADE, "websocket"))
                .json(Refusal::of(self.to_string())),
            Self::NoSession { sign_in } => response
                .insert_header((header::LOCATION, sign_in.as_str()))
                .insert_header(ContentType::plaintext())
                .body("Sign in first."),
            Self::Refused(Refused {
                retry_after,
                outcome,
                ..
            }) => {
                let seconds = retry_after.max(&Duration::from_secs(1)).as_secs();
                response
                    .insert_header((header::RETRY_AFTER, seconds))
                    .json(match outcome {
                        Outcome::NotDone => Refusal::of(self.to_string()),
                        Outcome::NotKept | Outcome::Unknown => Refusal::unknown(self.to_string()),
                    })
            }
            Self::AnswerRefused(refused) => response
                .insert_header((header::RETRY_AFTER, refused.retry_after.as_secs()))
                .json(Refusal::unknown(self.to_string())),
            Self::Stopping | Self::TooManySignatures => response
                .insert_header((header::RETRY_AFTER, 1))
                .json(Refusal::of(self.to_string())),
            Self::TooMany { retry_after, .. } => response
                .insert_header((header::RETRY_AFTER, *retry_after))
                .json(Refusal::of(self.to_string())),
            Self::Internal(_) => response.json(Refusal::of("Internal error.")),
            // The socket is closed, so the server does not wait for the rest of the body.
            Self::TooSlow(_) => response.force_close().json(Refusal::of(self.to_string())),
            Self::NotJson { .. }
            | Self::TooLarge { .. }
            | Self::TooLargeUnsigned { .. }
            | Self::TooLargePackets { .. }
            | Self::Upgrade
            | Self::UnknownConnection
            | Self::OriginNotAllowed { .. }
            | Self::DefaultSecretBehindProxy { .. }
            | Self::MetricsNotAllowed { .. }
            | Self::NotHttps
            | Self::ForeignPage => response.json(Refusal::of(self.to_string())),
        }
    }
}
