//! All paths of the server. A request with a wrong method gets 404, as in the original
//! (`protocol.md` §9).

use actix_web::web::{self, get, post, resource, route, to};
use actix_web::{HttpResponse, Resource};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::admin::{panel, sign_in};
use crate::api::{disconnect, info};
use crate::error_name::{ERROR_NAME, ErrorName};
use crate::transport::socket_io::requests;
use crate::{assets, calls, openapi};

/// The paths that a listening socket serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exposure {
    /// All paths.
    Everything,
    /// Only the paths that clients need to listen. Sockets of `internal_listen` serve the others.
    Clients,
}

/// Adds the paths of [`Exposure::Clients`] to an application.
pub fn client_routes(app: &mut web::ServiceConfig) {
    calls::register_for_clients(&mut ServiceConfig::new(app));
    other_client_routes(app);
    app.configure(assets::client_routes)
        .default_service(to(not_found));
}

/// Adds all paths to an application.
pub fn routes(app: &mut web::ServiceConfig) {
    calls::register(&mut ServiceConfig::new(app));
    other_client_routes(app);
    app.service(at("/info").route(route().to(info::show_info)))
        .service(at("/admin/admin.json").route(post().to(panel::show_numbers)))
        .service(at("/admin").route(get().to(panel::show_panel)))
        .service(
            at("/admin/sign_in")
                .route(get().to(sign_in::show_form))
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

/// Adds the paths of clients that the description leaves out.
fn other_client_routes(app: &mut web::ServiceConfig) {
    app.service(at("/disconnect").route(route().to(disconnect::disconnect_by_any_method)))
        .service(resource("/socket.io/").default_service(to(requests::refuse_method)))
        .service(
            resource("/socket.io")
                .route(get().to(requests::answer_get))
                .route(post().to(requests::answer_post))
                .default_service(to(requests::refuse_method)),
        );
}

fn at(path: &str) -> Resource {
    resource(path).default_service(to(not_found))
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound()
        .insert_header((ERROR_NAME, ErrorName::NotFound.as_str()))
        .content_type("text/plain; charset=utf-8")
        .body("Not found: no route for this method and path.\n")
}
