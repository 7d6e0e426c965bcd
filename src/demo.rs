//! The demo: a chat that shows what this server can. Its backend is an application like any other:
//! it knows its users by tokens of its own, decides who may do what, and makes signed calls over
//! HTTP; nothing here reaches into the broker.
//!
//! The demo is open to strangers, so its users and channels have names of their own, which begin
//! with `demo:`. Its calls reach no others.

mod author;
mod backend;
mod calls;
mod member;

pub use backend::is_own_call;

use std::net::SocketAddr;

use actix_web::web::{Data, ServiceConfig, delete, get, patch, post, resource};
use actix_web::{HttpRequest, HttpResponse};

use crate::pages::{front, page};
use crate::settings::Settings;

const PAGE: &str = include_str!("demo/demo.html");

/// Adds the front page and the demo, of a server that listens on this address. For each thread.
pub fn routes(app: &mut ServiceConfig, settings: &Settings, address: SocketAddr) {
    app.app_data(Data::new(backend::Backend::new(settings, address)))
        .service(resource("/").route(get().to(front)))
        .service(resource("/demo").route(get().to(demo)))
        .service(resource("/demo/connect").route(post().to(calls::connect)))
        .service(resource("/demo/subscribe").route(post().to(calls::subscribe)))
        .service(resource("/demo/unsubscribe").route(post().to(calls::unsubscribe)))
        .service(resource("/demo/user_state").route(post().to(calls::user_state)))
        .service(
            resource("/demo/message")
                .route(post().to(calls::message))
                .route(patch().to(calls::edit))
                .route(delete().to(calls::delete)),
        );
}

async fn demo(request: HttpRequest) -> HttpResponse {
    page(&request, PAGE)
}
