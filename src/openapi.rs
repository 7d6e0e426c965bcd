//! The OpenAPI description of the API, which is made from the handlers, tables and types that it
//! describes, and the page on which people read and try the API.

pub mod answers;
mod error_header;
mod explorer;

use std::sync::LazyLock;

use actix_web::web::{ServiceConfig, get, resource};
use actix_web::{App, HttpResponse};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{RefOr, Required, Schema};
use utoipa::{Modify, OpenApi};
use utoipa_actix_web::AppExt;

use crate::error::ApiError;
use crate::extractors::operator::Operator;
use crate::openapi::answers::{Refusal, SocketIoBadRequest, SocketIoRefusal};
use crate::operators::sessions;
use crate::validation::errors::Errors;
use crate::{calls, signature};

/// The modifier that adds the two security schemes to the description: signature and session.
struct Security;

impl Modify for Security {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let about = "A signed text in the form `TEXT.TIMESTAMP.SIGNATURE`. The `TimestampSigner` \
                     of the Python library itsdangerous makes it with the server's `secret`.";
        let key = ApiKeyValue::with_description(signature::HEADER, about);
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("signature", SecurityScheme::ApiKey(ApiKey::Header(key)));
        let key = ApiKeyValue::with_description(
            sessions::COOKIE,
            "The session of an operator who has signed in to the admin panel.",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(key)));
    }
}

/// The parts of the description that are not about a single call. `calls.rs` adds the calls.
#[derive(OpenApi)]
#[openapi(
    info(title = "Channelstream", description = "A websocket message broker for web applications."),
    // The address is relative to that of the description, so it is right behind a proxy with a
    // prefix too.
    servers((url = ".", description = "The server that this description comes from.")),
    tags(
        (name = "users",
            description = "Signed calls of applications about users and their connections."),
        (name = "messages",
            description = "Signed calls of applications that send, edit and delete messages."),
        (name = "channels",
            description = "Signed calls of applications that configure and show channels."),
        (name = "listening",
            description = "Calls of pages that listen. Anyone who knows the `conn_id` can act as \
                           the connection."),
        (name = "operating",
            description = "Calls for operators and for programs that supervise the server."),
    ),
    // The answers that several calls share use these types. They are not collected from the calls.
    components(schemas(Refusal, SocketIoBadRequest, SocketIoRefusal, Errors)),
    modifiers(&Security),
)]
struct Description;

/// The description as JSON, which is made from the registered calls.
static DESCRIPTION: LazyLock<String> = LazyLock::new(|| {
    let (_, mut description) = App::new()
        .into_utoipa_app()
        .openapi(Description::openapi())
        .configure(calls::register)
        .split_for_parts();
    error_header::add_schema(&mut description);
    operations(&mut description).for_each(error_header::add_header);
    remove_null_from_optional_bodies(&mut description);
    join_lines(&mut description);
    // Cannot fail: all its keys are texts.
    description.to_json().unwrap_or_default()
});

/// Removes null from the schemas of bodies that may be absent. Such a body must not be null, but
/// the attributes write both cases as an `Option`.
fn remove_null_from_optional_bodies(description: &mut utoipa::openapi::OpenApi) {
    for body in operations(description).filter_map(|call| call.request_body.as_mut()) {
        let RefOr::T(body) = body else { continue };
        if body.required == Some(Required::True) {
            continue;
        }
        for content in body.content.values_mut() {
            let RefOr::T(content) = content else { continue };
            if let Some(RefOr::T(Schema::OneOf(either))) = &content.schema {
                content.schema = either
                    .items
                    .iter()
                    .find(|item| matches!(item, RefOr::Ref(_)))
                    .cloned();
            }
        }
    }
}

/// Joins the lines of each description. The descriptions come from doc comments, whose lines are
/// wrapped.
fn join_lines(description: &mut utoipa::openapi::OpenApi) {
    for call in operations(description) {
        let answers = call
            .responses
            .responses
            .values_mut()
            .filter_map(|answer| match answer {
                RefOr::T(answer) => Some(&mut answer.description),
                RefOr::Ref(_) => None,
            });
        for text in call.description.iter_mut().chain(answers) {
            *text = text.replace('\n', " ");
        }
    }
}

fn operations(description: &mut utoipa::openapi::OpenApi) -> impl Iterator<Item = &mut Operation> {
    let paths = description.paths.paths.values_mut();
    paths
        .flat_map(|path| {
            [
                &mut path.get,
                &mut path.post,
                &mut path.patch,
                &mut path.delete,
            ]
        })
        .flatten()
}

/// Registers the routes of the description and of the page.
pub fn routes(app: &mut ServiceConfig) {
    app.service(resource("/openapi.json").route(get().to(show_description)))
        .service(resource("/api-explorer").route(get().to(explorer::show_page)))
        .service(resource("/api-explorer/files/{name}").route(get().to(explorer::serve_file)));
}

/// Answers `/openapi.json`. A caller without session or signature gets 403, not a redirect to the
/// sign-in page.
async fn show_description(operator: Result<Operator, ApiError>) -> Result<HttpResponse, ApiError> {
    match operator {
        Ok(_) => Ok(HttpResponse::Ok()
            .content_type("application/json")
            .body(DESCRIPTION.as_str())),
        Err(ApiError::NoSession { .. }) => Err(ApiError::NoCredentials),
        Err(error) => Err(error),
    }
}
