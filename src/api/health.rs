//! `/health` tells whether the process serves, and `/ready` whether to send requests to it.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::answers::CommonErrors;
use crate::services::Services;

/// The state of the server, for programs that supervise it.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Health {
    /// The current state of the server.
    status: Status,
}

/// The state of a server in one word.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Ready,
    Stopping,
}

/// Tells whether the process serves.
///
/// Answers for as long as the process serves, also while it stops.
#[utoipa::path(
    tag = "operating",
    operation_id = "health",
    responses((status = 200, description = "The process serves; `status` is `ok`.", body = Health), CommonErrors),
)]
#[get("/health")]
pub(crate) async fn check_health() -> Json<Health> {
    Json(Health { status: Status::Ok })
}

/// Tells whether to send requests.
///
/// Answers 503 once the server is about to stop.
#[utoipa::path(
    tag = "operating",
    operation_id = "ready",
    responses(
        (status = 200, description = "Requests may be sent; `status` is `ready`.", body = Health),
        (status = 503, description = "The server is about to stop; `status` is `stopping`.", body = Health),
        CommonErrors,
    ),
)]
#[get("/ready")]
pub(crate) async fn check_ready(services: Data<Services>) -> HttpResponse {
    if services.lifecycle.is_ready() {
        HttpResponse::Ok().json(Health {
            status: Status::Ready,
        })
    } else {
        HttpResponse::ServiceUnavailable().json(Health {
            status: Status::Stopping,
        })
    }
}
