//! What an application needs to use this server: its address and its secret.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};
use thiserror::Error;

use crate::demo::author::Authors;
use crate::settings::Settings;
use crate::signature::{HEADER, Signer};

/// Longer answers come from no demo.
const ANSWER_LIMIT: usize = 4 << 20;

/// Why a call of the demo's page is not done.
#[derive(Debug, Error)]
pub(super) enum NotDone {
    #[error("{0}")]
    Bad(String),
    #[error("Join first.")]
    NoToken,
    #[error("Only its author may change a message.")]
    NotYours,
    #[error("Somebody else has this name. Take another one.")]
    NameTaken,
    /// The server's own words.
    #[error("the server answered {status}: {answer}")]
    Refused { status: StatusCode, answer: Value },
    #[error("the server cannot be reached")]
    Unreachable,
}

impl ResponseError for NotDone {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Bad(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::NotYours => StatusCode::FORBIDDEN,
            Self::NameTaken => StatusCode::CONFLICT,
            Self::Refused { status, .. } => *status,
            Self::Unreachable => StatusCode::BAD_GATEWAY,
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(json!({"error": self.to_string()}))
    }
}

pub(super) struct Backend {
    http: awc::Client,
    url: String,
    signer: Signer,
    /// Signs a user's name when it joins.
    tokens: Signer,
    pub(super) authors: Authors,
    /// Our own calls come over plain HTTP, from this machine.
    scheme: &'static str,
}

impl Backend {
    pub(super) fn new(settings: &Settings, address: SocketAddr) -> Self {
        let host = match address.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let secret = settings.secret.as_str();
        Self {
            http: awc::Client::default(),
            url: format!("http://{}", SocketAddr::new(host, address.port())),
            signer: Signer::new(secret, None),
            tokens: Signer::new(&format!("demo {secret}"), None),
            authors: Authors::new(secret),
            scheme: if settings.enforce_https { "https" } else { "http" },
        }
    }

    /// Makes a signed call.
    pub(super) async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, NotDone> {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = request.insert_header((HEADER, self.signer.sign(path))).insert_header(("x-url-scheme", self.scheme));
        let request = request.insert_header((header::CONTENT_TYPE, "application/json"));
        let mut answer = request.send_body(body.to_string()).await.map_err(|error| {
            log::warn!("the demo cannot reach its server at {}: {error}", self.url);
            NotDone::Unreachable
        })?;
        let status = answer.status();
        let bytes = answer.body().limit(ANSWER_LIMIT).await.map_err(|_| NotDone::Unreachable)?;
        let answer = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() { Ok(answer) } else { Err(NotDone::Refused { status, answer }) }
    }

    pub(super) fn token(&self, user: &str) -> String {
        self.tokens.sign(user)
    }

    /// Whose token it is.
    pub(super) fn user(&self, token: &str) -> Result<String, NotDone> {
        self.tokens.text(token).map(str::to_owned).map_err(|_| NotDone::NoToken)
    }
}
