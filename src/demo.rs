//! The demo: a chat that shows what this server can do. Its backend works like any other
//! application: it recognises its users by its own tokens, decides who may do what, and makes
//! signed calls over HTTP. It does not use the broker directly.
//!
//! The demo is open to strangers. Therefore the names of its users and channels begin with `demo:`,
//! and its calls reach no other users and channels.

mod author;
mod backend;
mod calls;
mod error;
mod member;
mod requests;

pub use backend::is_own_call;

use std::net::SocketAddr;

use actix_web::web::{Data, ServiceConfig, delete, get, patch, post, resource};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::error::ApiError;
use crate::pages::{PageLinks, render, show_front};
use crate::services::Services;

/// The page of the chat.
#[derive(Template)]
#[template(path = "demo/demo.html")]
struct DemoPage {
    links: PageLinks,
}

/// Adds the front page and the demo to the application of a thread. The server listens on
/// `address`.
pub fn routes(app: &mut ServiceConfig, services: &Services, address: SocketAddr) {
    app.app_data(Data::new(backend::Backend::new(services, address)))
        .service(resource("/").route(get().to(show_front)))
        .service(resource("/demo").route(get().to(show_demo)))
        .service(resource("/demo/connect").route(post().to(calls::join)))
        .service(resource("/demo/subscribe").route(post().to(calls::subscribe)))
        .service(resource("/demo/unsubscribe").route(post().to(calls::unsubscribe)))
        .service(resource("/demo/user_state").route(post().to(calls::set_state)))
        .service(
            resource("/demo/message")
                .route(post().to(calls::publish))
                .route(patch().to(calls::edit))
                .route(delete().to(calls::delete)),
        );
}

/// Shows the page of the chat, at `/demo`.
async fn show_demo(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let links = PageLinks::of(&request);
    render(&DemoPage { links })
}
