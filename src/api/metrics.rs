//! `GET /metrics`: the server's metrics for Prometheus.

use actix_web::web::{Data, block};
use actix_web::{HttpResponse, get};

use crate::error::ApiError;
use crate::extractors::metrics_reader::MetricsReader;
use crate::logging::panics;
use crate::metrics::exposition::{CONTENT_TYPE, Numbers, encode};
use crate::metrics::process::ProcessNumbers;
use crate::openapi::answers::{CommonErrors, HttpsOnly, MetricsErrors};
use crate::services::Services;

/// Returns the server's metrics, in the text format of Prometheus.
///
/// Callers may read the metrics if their address is in `allow_posting_from`, if they have a session
/// or a signature, or if they reach an address of `internal_listen`. The metrics contain no names
/// of channels or users.
#[utoipa::path(
    tag = "operating",
    operation_id = "metrics",
    responses(
        (status = 200, body = String, content_type = "text/plain",
            description = "The metrics, in version 0.0.4 of the text format of Prometheus."),
        CommonErrors, HttpsOnly, MetricsErrors,
    ),
)]
#[get("/metrics")]
pub(crate) async fn show_metrics(
    _: MetricsReader,
    services: Data<Services>,
) -> Result<HttpResponse, ApiError> {
    let process = block(ProcessNumbers::read).await;
    let numbers = Numbers {
        version: env!("CARGO_PKG_VERSION"),
        start_time: services.start_time.unix_seconds(),
        is_ready: services.is_ready(),
        process: process.unwrap_or_default(),
        population: services.broker.population(),
        counters: services.broker.counters().clone(),
        memory: services.broker.memory().clone(),
        store: services.broker.store().status(),
        node: services.broker.store().node_status(),
        panics: panics::count(),
        metrics: services.metrics.clone(),
    };
    let text = encode(numbers).map_err(|_| ApiError::Internal("metrics could not be encoded"))?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}
