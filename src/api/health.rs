//! `/health` tells whether the process serves, and `/ready` whether to send requests to it. `/health/live`
//! and `/health/ready` are the same, by the names that supervisors use.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::answers::CommonErrors;
use crate::operators::store_report::StoreReport;
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
    Failing,
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

/// Tells whether the process serves, as `/health` does.
///
/// A supervisor starts the process again when this does not answer.
#[utoipa::path(
    tag = "operating",
    operation_id = "health_live",
    responses((status = 200, description = "The process serves; `status` is `ok`.", body = Health), CommonErrors),
)]
#[get("/health/live")]
pub(crate) async fn check_live() -> Json<Health> {
    Json(Health { status: Status::Ok })
}

/// Whether to send requests, and how the store is doing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// The current state of the server.
    status: Status,
    /// The present state of the store.
    store: StoreReport,
}

/// Tells whether to send requests.
///
/// Answers 503 once the server is about to stop, and while the store cannot be written: then calls
/// that change something are refused.
#[utoipa::path(
    tag = "operating",
    operation_id = "ready",
    responses(
        (status = 200, description = "Requests may be sent; `status` is `ready`.", body = Readiness),
        (status = 503, description = "The server is about to stop, or its store cannot be written; `status` is `stopping` or `failing`.",
            body = Readiness),
        CommonErrors,
    ),
)]
#[get("/ready")]
pub(crate) async fn check_ready(services: Data<Services>) -> HttpResponse {
    answer_readiness(&services)
}

/// Tells whether to send requests, as `/ready` does.
///
/// A load balancer sends no requests while this answers 503.
#[utoipa::path(
    tag = "operating",
    operation_id = "health_ready",
    responses(
        (status = 200, description = "Requests may be sent; `status` is `ready`.", body = Readiness),
        (status = 503, description = "The server is about to stop, or its store cannot be written; `status` is `stopping` or `failing`.",
            body = Readiness),
        CommonErrors,
    ),
)]
#[get("/health/ready")]
pub(crate) async fn check_readiness(services: Data<Services>) -> HttpResponse {
    answer_readiness(&services)
}

fn answer_readiness(services: &Services) -> HttpResponse {
    let (status, mut answer) = if services.is_ready() {
        (Status::Ready, HttpResponse::Ok())
    } else if services.lifecycle.is_ready() {
        (Status::Failing, HttpResponse::ServiceUnavailable())
    } else {
        (Status::Stopping, HttpResponse::ServiceUnavailable())
    };
    let store = StoreReport::of(services.broker.store());
    answer.json(Readiness { status, store })
}
