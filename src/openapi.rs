//! The description of the API, generated from the handlers and types it describes; and the page to read and try it.

pub mod answers;
pub mod events;
mod explorer;

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::web::{ServiceConfig, get, resource};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::admin::session::{self, Admin};
use crate::error::ApiError;
use crate::openapi::answers::Refusal;
use crate::{admin, api, signature, transport};

struct Security;

impl Modify for Security {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let about = "`TEXT.TIMESTAMP.SIGNATURE` as itsdangerous' `TimestampSigner` makes it, with the server's `secret`.";
        let key = ApiKeyValue::with_description(signature::HEADER, about);
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("signature", SecurityScheme::ApiKey(ApiKey::Header(key)));
        let key = ApiKeyValue::with_description(session::COOKIE, "Of one who has signed in to the admin panel.");
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(key)));
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
        admin::panel::totals,
        admin::live::live,
        admin::action::publish,
        admin::action::configure,
        admin::action::disconnect,
        admin::action::forget,
    ),
    components(schemas(Refusal)),
    modifiers(&Security),
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
