//! The backend of the demo: an application that knows the address and the secret of this server.

use std::net::SocketAddr;
use std::sync::LazyLock;

use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::accepting::Accepting;
use crate::demo::author::AuthorKey;
use crate::demo::error::DemoError;
use crate::demo::member::{DemoMember, Tokens};
use crate::live_settings::LiveSettings;
use crate::process::find_local_address;
use crate::services::Services;
use crate::signature::{HEADER, Signer};

/// The longest answer that the backend reads, in bytes.
const ANSWER_LIMIT: usize = 4 << 20;

/// The header that carries [`OWN_CALL`].
const OWN_CALL_HEADER: &str = "x-channelstream-demo";

/// A random text that proves that a call comes from the demo of this process. Such a call uses
/// plain HTTP but never leaves the machine, so `enforce_https` lets it pass.
static OWN_CALL: LazyLock<String> = LazyLock::new(|| Uuid::new_v4().to_string());

/// Returns whether a request with these headers was made by the demo of this process.
pub fn is_own_call(headers: &HeaderMap) -> bool {
    headers
        .get(OWN_CALL_HEADER)
        .is_some_and(|value| value.as_bytes().ct_eq(OWN_CALL.as_bytes()).into())
}

/// The backend of the demo, which calls this server over HTTP.
pub(super) struct Backend {
    http: awc::Client,
    url: String,
    live: LiveSettings,
    accepting: Accepting,
    pub(super) tokens: Tokens,
    pub(super) author_key: AuthorKey,
}

impl Backend {
    /// Creates the backend of a server that listens on this address.
    pub(super) fn new(services: &Services, address: SocketAddr) -> Self {
        let secret = services.settings.secret.first().as_str();
        Self {
            http: awc::Client::default(),
            url: format!("http://{}", find_local_address(address)),
            live: services.live.clone(),
            accepting: services.accepting.clone(),
            tokens: Tokens::new(secret),
            author_key: AuthorKey::new(secret),
        }
    }

    /// Makes a signed call.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, DemoError> {
        if self.accepting.has_stopped() {
            // The call would wait for the next process, but its caller ends with this process.
            return Err(DemoError::Stopping);
        }
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = request.insert_header((HEADER, self.sign(path)));
        let request = request.insert_header((OWN_CALL_HEADER, OWN_CALL.as_str()));
        let request = request.insert_header((header::CONTENT_TYPE, "application/json"));
        let mut answer = request.send_body(body.to_string()).await.map_err(|error| {
            log::warn!("the demo cannot reach its server at {}: {error}", self.url);
            DemoError::Unreachable
        })?;
        let status = answer.status();
        let bytes = answer
            .body()
            .limit(ANSWER_LIMIT)
            .await
            .map_err(|_| DemoError::Unreachable)?;
        let answer = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            Ok(answer)
        } else {
            Err(DemoError::Refused { status, answer })
        }
    }

    /// Signs a call with the secret that is in force now.
    fn sign(&self, path: &str) -> String {
        let current = self.live.current();
        Signer::new(current.settings.secret.first().as_str()).sign_call(path)
    }

    /// Returns the owner of a name, or `None` if the server does not know the user.
    pub(super) async fn owner(&self, user: &str) -> Result<Option<Uuid>, DemoError> {
        // This call changes nothing, and its answer contains the whole state.
        let known = self
            .call(
                Method::POST,
                "/user_state",
                &json!({"user": user, "user_state": {}}),
            )
            .await;
        match known {
            Ok(answer) => Ok(Some(find_owner(answer.get("user_state")))),
            Err(DemoError::Refused {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the member of a token.
    ///
    /// # Errors
    /// Fails when the token is invalid, or when the name now belongs to somebody else.
    pub(super) async fn member(&self, token: &str) -> Result<DemoMember, DemoError> {
        let member = self.tokens.read(token).ok_or(DemoError::NoToken)?;
        let owner = self.owner(&member.user).await?;
        if owner == Some(member.owner) {
            Ok(member)
        } else {
            Err(DemoError::NoToken)
        }
    }
}

/// Returns the owner that a user's state names. If the demo did not create the user, the state
/// names no owner, and this returns the nil UUID. No member has this id, so nobody can take the
/// name.
pub(super) fn find_owner(state: Option<&Value>) -> Uuid {
    let owner = state
        .and_then(|state| state.get("owner"))
        .and_then(Value::as_str);
    owner
        .and_then(|owner| owner.parse().ok())
        .unwrap_or_default()
}
