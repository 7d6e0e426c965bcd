//! The errors of the demo's calls, and the answers to them.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};
use thiserror::Error;

/// The reason why a call of the demo's page fails.
#[derive(Debug, Error)]
pub(super) enum DemoError {
    #[error("{0}")]
    Bad(String),
    #[error("Join first.")]
    NoToken,
    #[error("Only its author may change a message.")]
    NotYours,
    #[error("This connection belongs to somebody else.")]
    OtherConnection,
    #[error("Somebody else has this name. Take another one.")]
    NameTaken,
    /// The server refused a call of the backend. The page gets the server's answer.
    #[error("the server answered {status}: {answer}")]
    Refused { status: StatusCode, answer: Value },
    #[error("The server restarts. Try again in a second.")]
    Stopping,
    #[error("the server cannot be reached")]
    Unreachable,
}

impl ResponseError for DemoError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Bad(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::NotYours | Self::OtherConnection => StatusCode::FORBIDDEN,
            Self::NameTaken => StatusCode::CONFLICT,
            Self::Refused { status, .. } => *status,
            Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unreachable => StatusCode::BAD_GATEWAY,
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(json!({"error": self.to_string()}))
    }
}
