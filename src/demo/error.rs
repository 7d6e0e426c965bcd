//! The errors of the demo's calls, and the answers to them.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};
use thiserror::Error;

/// The reason why a call of the demo's page fails.
#[derive(Debug, Error)]
pub(super) enum DemoError {
    #[error("{0}")]
    Invalid(String),
    #[error("Join the chat first.")]
    NoToken,
    #[error("Only the author of a message may change it.")]
    NotAuthor,
    #[error("This connection belongs to somebody else.")]
    OtherConnection,
    #[error("This name is taken. Choose another name.")]
    NameTaken,
    /// The server refused a call of the backend; the page gets its answer.
    #[error("The server answered {status}: {answer}")]
    Refused { status: StatusCode, answer: Value },
    #[error("The server is restarting. Try again in a second.")]
    Stopping,
    #[error("The server cannot be reached.")]
    Unreachable,
}

impl ResponseError for DemoError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::NotAuthor | Self::OtherConnection => StatusCode::FORBIDDEN,
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
