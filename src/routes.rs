//! Every path. A wrong method is not found, as in the original (`protocol.md` §9).

use actix_web::http::Method;
use actix_web::web::{self, get, post, resource, route, to};
use actix_web::{HttpResponse, Resource};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::admin::{action, live, panel, sign_in};
use crate::api::{
    channel_config, connect, delete, disconnect, edit, health, info, message, subscribe,
    unsubscribe, user_state,
};
use crate::transport::{event_stream, handshake, long_poll};
use crate::{assets, openapi};

/// Adds all paths to an application.
pub fn routes(app: &mut web::ServiceConfig) {
    described(&mut ServiceConfig::new(app));
    app.service(at("/info").route(route().to(info::show)))
        .service(at("/disconnect").route(route().to(disconnect::disconnect_by_query)))
        .service(at("/admin/admin.json").route(post().to(panel::show_numbers)))
        .service(at("/admin").route(get().to(panel::panel)))
        .service(
            at("/admin/sign_in")
                .route(get().to(sign_in::form))
                .route(post().to(sign_in::sign_in)),
        )
        .service(
            at("/admin/sign_out")
                .route(get().to(sign_in::sign_out))
                .route(post().to(sign_in::sign_out)),
        )
        .configure(assets::routes)
        .configure(openapi::routes)
        .default_service(to(not_found));
}

/// Adds the calls, each with its path, method, handler and description. A call that is not here
/// does not exist and is not described.
pub fn described(app: &mut ServiceConfig<'_>) {
    app.service(message::publish_messages)
        .service(edit::edit_messages)
        .service(delete::delete_messages)
        .service(connect::connect)
        .service(subscribe::subscribe)
        .service(unsubscribe::unsubscribe)
        .service(user_state::set_user_state)
        .service(user_state::set_user_status)
        .service(channel_config::configure_channels)
        .service(info::info)
        .service(handshake::open)
        .service(event_stream::open)
        .service(long_poll::listen)
        .service(disconnect::by_body)
        .service(disconnect::by_query)
        .service(health::health)
        .service(health::ready)
        .service(panel::numbers)
        .service(live::live)
        .service(action::publish_messages)
        .service(action::configure_channels)
        .service(action::end_connection)
        .service(action::forget_channel);
}

/// What a request is for, as far as it decides whether and how the request is let in
/// (`middleware/admission.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A call that changes something. It needs a signature or a session.
    Change,
    /// A call that only asks. It needs a signature or a session.
    Question,
    /// A page that begins to listen by server-sent events.
    Stream,
    /// A page that listens by long-poll.
    Poll,
    /// A page that opens a websocket: the only request that may be upgraded.
    Socket,
    /// Everything else: what anyone may ask for, and what does not exist.
    Open,
}

impl Purpose {
    /// The purpose of a request for this path, without a proxy's prefix.
    pub fn of(method: &Method, path: &str) -> Self {
        match path {
            "/connect" | "/subscribe" | "/unsubscribe" | "/user_state" | "/user_status"
            | "/message" | "/channel_config" => Self::Change,
            "/admin/message" | "/admin/channel_config" | "/admin/forget_channel" => Self::Change,
            "/info" | "/admin/disconnect" | "/admin/admin.json" => Self::Question,
            "/sse" => Self::Stream,
            "/listen" => Self::Poll,
            "/ws" if method == Method::GET => Self::Socket,
            _ => Self::Open,
        }
    }
}

fn at(path: &str) -> Resource {
    resource(path).default_service(to(not_found))
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("text/plain; charset=utf-8")
        .body("Not found: no route for this method and path.\n")
}
