//! Every path. A wrong method is not found, as in the original (`protocol.md` §9).

use actix_web::http::Method;
use actix_web::web::{ServiceConfig, delete, get, patch, post, resource, route, to};
use actix_web::{HttpResponse, Resource};

use crate::admin::{action, live, panel, sign_in};
use crate::api::{channel_config, connect, disconnect, edit, health, info, message, subscribe, unsubscribe, user_state};
use crate::transport::{event_stream, handshake, long_poll};
use crate::{assets, openapi};

/// Adds them to an application.
pub fn routes(app: &mut ServiceConfig) {
    app.service(at("/connect").route(post().to(connect::connect)))
        .service(at("/subscribe").route(post().to(subscribe::subscribe)))
        .service(at("/unsubscribe").route(post().to(unsubscribe::unsubscribe)))
        .service(at("/user_state").route(post().to(user_state::user_state)))
        .service(at("/user_status").route(post().to(user_state::user_status)))
        .service(
            at("/message")
                .route(post().to(message::publish))
                .route(patch().to(edit::edit))
                .route(delete().to(crate::api::delete::delete)),
        )
        .service(at("/channel_config").route(post().to(channel_config::configure)))
        .service(at("/info").route(route().to(info::info)))
        .service(at("/ws").route(get().to(handshake::open)))
        .service(at("/sse").route(get().to(event_stream::open)))
        .service(at("/listen").route(get().to(long_poll::listen)))
        .service(at("/disconnect").route(post().to(disconnect::by_body)).route(route().to(disconnect::by_query)))
        .service(at("/health").route(get().to(health::health)))
        .service(at("/ready").route(get().to(health::ready)))
        .service(at("/admin").route(get().to(panel::panel)))
        .service(at("/admin/admin.json").route(get().to(panel::totals)).route(post().to(panel::totals)))
        .service(at("/admin/live").route(get().to(live::live)))
        .service(at("/admin/message").route(post().to(action::publish)))
        .service(at("/admin/channel_config").route(post().to(action::configure)))
        .service(at("/admin/disconnect").route(post().to(action::disconnect)))
        .service(at("/admin/forget_channel").route(post().to(action::forget)))
        .service(at("/admin/sign_in").route(get().to(sign_in::form)).route(post().to(sign_in::sign_in)))
        .service(at("/admin/sign_out").route(get().to(sign_in::sign_out)).route(post().to(sign_in::sign_out)))
        .configure(assets::routes)
        .configure(openapi::routes)
        .default_service(to(not_found));
}

/// What a request is for, as far as it decides whether and how the request is let in (`middleware/admission.rs`).
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
            "/connect" | "/subscribe" | "/unsubscribe" | "/user_state" | "/user_status" | "/message" | "/channel_config" => {
                Self::Change
            }
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
        .body("Nothing is here. A wrong method or a slash too many is another path.\n")
}
