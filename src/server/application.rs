//! The actix-web application: its data, its routes and its middleware.

use std::net::SocketAddr;

use actix_http::Request;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, map_config};
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, Error, HttpResponse};

use crate::demo;
use crate::middleware::handle;
use crate::routes::{Exposure, client_routes, routes};
use crate::services::Services;

/// The facts about a listening socket that its application needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListenerInfo {
    pub(super) exposure: Exposure,
    /// The first TCP address at which the server serves calls and pages, if any.
    pub(super) page_address: Option<SocketAddr>,
}

/// Builds the application of one thread for the connections of a socket.
pub(super) fn build(
    services: Data<Services>,
    listener_info: ListenerInfo,
) -> impl ServiceFactory<
    Request,
    Config = (),
    Response = ServiceResponse,
    Error = HttpResponse,
    InitError = (),
    Service: 'static,
    Future: 'static,
> + 'static {
    let app = App::new()
        .app_data(services.clone())
        .configure(|app| {
            if listener_info.exposure == Exposure::Clients {
                return client_routes(app);
            }
            if let Some(address) = listener_info
                .page_address
                .filter(|_| services.settings.demo)
            {
                demo::routes(app, &services, address);
            }
            routes(app);
        })
        .wrap(from_fn(handle));
    let app = ServiceFactoryExt::map_err(app.into_factory(), |error: Error| error.error_response());
    map_config(app, |()| AppConfig::default())
}
