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
use crate::routes::routes;
use crate::services::Services;

/// Builds the application of one thread of a server that listens on `address`.
pub(super) fn build(
    services: Data<Services>,
    address: SocketAddr,
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
            if services.settings.demo {
                demo::routes(app, &services, address);
            }
        })
        .configure(routes)
        .wrap(from_fn(handle));
    let app = ServiceFactoryExt::map_err(app.into_factory(), |error: Error| error.error_response());
    map_config(app, |()| AppConfig::default())
}
