//! The description of the API, generated from the handlers and types it describes; and the page to read and try it.

mod events;
mod explorer;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::web::{ServiceConfig, get, resource};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{IntoParams, IntoResponses, Modify, OpenApi, ToSchema};

use crate::admin::session::Admin;
use crate::error::ApiError;
use crate::{api, signature, transport};

pub use events::Event;

/// What is wrong with a body: `{field: [message, …]}`, inside a list `{"index": {field: …}}`, inside a mapping `{key: {field: …}}`.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"username": ["Missing data for required field."]}))]
pub struct FieldErrors(BTreeMap<String, Value>);

/// Why a call was not done.
#[derive(Serialize, ToSchema)]
pub struct Refusal {
    /// In words.
    #[schema(example = "Bad Signature")]
    request: String,
}

/// What every signed call may answer instead.
#[derive(IntoResponses)]
pub enum SignedErrors {
    /// The body is no JSON
    #[response(status = 400)]
    NotJson(Refusal),
    /// The signature is wrong, malformed or more than 60 seconds old
    #[response(status = 401)]
    BadSignature(Refusal),
    /// The address is not in `allow_posting_from`, or there is no signature
    #[response(status = 403)]
    NotAllowed(Refusal),
    /// The body is larger than `body_limit`
    #[response(status = 413)]
    TooLarge(Refusal),
    /// The body breaks rules; nothing has changed
    #[response(status = 422)]
    Invalid(FieldErrors),
    /// Not now; nothing was done. `Retry-After` says when to try again
    #[response(status = 503)]
    Refused(Refusal),
}

/// What a page says that wants to listen.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what a query looks like")]
pub struct Listening {
    /// Of its connection. Who knows it is the connection.
    #[param(value_type = String, format = "uuid")]
    conn_id: (),
    /// The `id` of the last event it read by server-sent events, if it did.
    last_event_id: Option<String>,
}

struct Signature;

impl Modify for Signature {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let about = "`TEXT.TIMESTAMP.SIGNATURE` as itsdangerous' `TimestampSigner` makes it, with the server's `secret`.";
        let key = ApiKeyValue::with_description(signature::HEADER, about);
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("signature", SecurityScheme::ApiKey(ApiKey::Header(key)));
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Channelstream", description = "A websocket message broker for web applications."),
    tags(
        (name = "users", description = "Connections, and what is known of users. For applications, signed."),
        (name = "messages", description = "For applications, signed."),
        (name = "channels", description = "For applications, signed."),
        (name = "listening", description = "For pages. Who knows the `conn_id` is the connection."),
        (name = "operating", description = "For operators."),
    ),
    paths(
        api::connect::connect,
        api::subscribe::subscribe,
        api::unsubscribe::unsubscribe,
        api::user_state::user_state,
        api::message::publish,
        api::edit::edit,
        api::delete::delete,
        api::channel_config::configure,
        api::info::info,
        api::disconnect::by_body,
        api::health::health,
        api::health::ready,
        transport::handshake::open,
        transport::event_stream::open,
        transport::long_poll::listen,
    ),
    components(schemas(Refusal)),
    modifiers(&Signature),
)]
struct Description;

/// As JSON. An error cannot happen: nothing in it is no JSON.
static DESCRIPTION: LazyLock<String> = LazyLock::new(|| Description::openapi().to_json().unwrap_or_default());

/// Adds the description and the page.
pub fn routes(app: &mut ServiceConfig) {
    app.service(resource("/openapi.json").route(get().to(description)))
        .service(resource("/api-explorer").route(get().to(explorer::page)))
        .service(resource("/api-explorer/files/{name}").route(get().to(explorer::file)));
}

/// `/openapi.json`: 403 without session or signature.
async fn description(admin: Result<Admin, ApiError>) -> Result<HttpResponse, ApiError> {
    match admin {
        Ok(_) => Ok(HttpResponse::Ok().content_type("application/json").body(DESCRIPTION.as_str())),
        Err(ApiError::NoSession { .. }) => Err(ApiError::NotSigned),
        Err(error) => Err(error),
    }
}
