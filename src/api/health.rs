//! `/health`: the process serves; `/ready`: it should be sent requests.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use crate::lifecycle::Lifecycle;

/// Answers as long as the process serves.
#[utoipa::path(get, path = "/health", tag = "operating", responses((status = 200, description = "It serves")))]
pub async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// Answers 503 once the server is about to stop.
#[utoipa::path(get, path = "/ready", tag = "operating",
    responses((status = 200, description = "Send requests"), (status = 503, description = "It is about to stop")))]
pub async fn ready(lifecycle: Data<Lifecycle>) -> HttpResponse {
    if lifecycle.is_ready() {
        HttpResponse::Ok().json(json!({"status": "ready"}))
    } else {
        HttpResponse::ServiceUnavailable().json(json!({"status": "stopping"}))
    }
}
