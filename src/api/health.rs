//! `/health` reports whether the process is running, and `/ready` whether it can take requests.
//! `/health/live` and `/health/ready` are the same calls under the names that supervisors use.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error_name::{ERROR_NAME, ErrorName};
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

/// Reports whether the process is running.
///
/// The answer is 200 as long as the process runs, also while the server stops.
#[utoipa::path(
    tag = "operating",
    operation_id = "health",
    responses(
        (status = 200, description = "The process is running. `status` is `ok`.", body = Health),
        CommonErrors,
    ),
)]
#[get("/health")]
pub(crate) async fn check_health() -> Json<Health> {
    Json(Health { status: Status::Ok })
}

/// Reports whether the process is running, as `/health` does.
///
/// A supervisor restarts the process if this call gets no answer.
#[utoipa::path(
    tag = "operating",
    operation_id = "health_live",
    responses(
        (status = 200, description = "The process is running. `status` is `ok`.", body = Health),
        CommonErrors,
    ),
)]
#[get("/health/live")]
pub(crate) async fn check_live() -> Json<Health> {
    Json(Health { status: Status::Ok })
}

/// The readiness of the server, and the state of its store.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// The current state of the server.
    status: Status,
    /// The current state of the store.
    store: StoreReport,
}

/// Reports whether the server can take requests.
///
/// The answer is 503 once the server is about to stop, and while its store cannot be written. While
/// the store cannot be written, calls that change something are refused.
#[utoipa::path(
    tag = "operating",
    operation_id = "ready",
    responses(
        (status = 200, body = Readiness,
            description = "The server can take requests. `status` is `ready`."),
        (status = 503, body = Readiness,
            description = "The server is about to stop (`status` is `stopping`), or its store \
                           cannot be written (`failing`)."),
        CommonErrors,
    ),
)]
#[get("/ready")]
pub(crate) async fn check_ready(services: Data<Services>) -> HttpResponse {
    answer_readiness(&services)
}

/// Reports whether the server can take requests, as `/ready` does.
///
/// A load balancer sends no requests while the answer is 503.
#[utoipa::path(
    tag = "operating",
    operation_id = "health_ready",
    responses(
        (status = 200, body = Readiness,
            description = "The server can take requests. `status` is `ready`."),
        (status = 503, body = Readiness,
            description = "The server is about to stop (`status` is `stopping`), or its store \
                           cannot be written (`failing`)."),
        CommonErrors,
    ),
)]
#[get("/health/ready")]
pub(crate) async fn check_readiness(services: Data<Services>) -> HttpResponse {
    answer_readiness(&services)
}

fn answer_readiness(services: &Services) -> HttpResponse {
    let (status, error) = if services.is_ready() {
        (Status::Ready, None)
    } else if services.lifecycle.is_ready() {
        (Status::Failing, Some(ErrorName::StoreFailing))
    } else {
        (Status::Stopping, Some(ErrorName::Stopping))
    };
    let mut answer = match error {
        None => HttpResponse::Ok(),
        Some(_) => HttpResponse::ServiceUnavailable(),
    };
    if let Some(error) = error {
        answer.insert_header((ERROR_NAME, error.as_str()));
    }
    let store = StoreReport::of(services.broker.store());
    answer.json(Readiness { status, store })
}
