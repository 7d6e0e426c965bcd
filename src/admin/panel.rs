//! The panel's page, and the server's numbers for scripts.

use actix_web::web::{Data, block};
use actix_web::{HttpRequest, HttpResponse, get};
use channelstream_actors::broker::Broker;
use channelstream_actors::protocol::info::Totals;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::session::Admin;
use crate::admin::view::{Listing, selection};
use crate::error::ApiError;
use crate::openapi::answers::{AdminErrors, CommonErrors, HttpsOnly, InvalidQuery};
use crate::pages::page;
use crate::process::Started;

const PAGE: &str = include_str!("assets/panel.html");

/// `/admin`.
pub async fn panel(request: HttpRequest, _: Admin) -> HttpResponse {
    page(&request, PAGE)
}

/// The server's numbers, with its age and version.
#[derive(Serialize, ToSchema)]
pub struct PanelTotals {
    #[serde(flatten)]
    totals: Totals,
    /// For how long the server has run, as `1 day, 0:00:12`.
    uptime: String,
    /// The version of the server.
    version: &'static str,
}

/// Shows the numbers of the server.
///
/// The answer contains all channels and users, or a page of each if the query has a parameter. POST
/// does the same.
#[utoipa::path(
    tag = "operating",
    operation_id = "numbers",
    params(Listing),
    responses(
        (status = 200, description = "The numbers of the server, its channels and its users.", body = PanelTotals),
        CommonErrors, HttpsOnly, InvalidQuery, AdminErrors,
    ),
    security(("session" = []), ("signature" = [])),
)]
#[get("/admin/admin.json")]
pub(crate) async fn numbers(
    admin: Admin,
    request: HttpRequest,
    broker: Data<Broker>,
    started: Data<Started>,
) -> Result<HttpResponse, ApiError> {
    show_numbers(admin, request, broker, started).await
}

/// POST does what GET does.
pub async fn show_numbers(
    _: Admin,
    request: HttpRequest,
    broker: Data<Broker>,
    started: Data<Started>,
) -> Result<HttpResponse, ApiError> {
    let totals = broker.totals(selection(&request)?).await;
    let totals = PanelTotals {
        totals,
        uptime: started.uptime(),
        version: env!("CARGO_PKG_VERSION"),
    };
    // Of a hundred thousand channels that takes a while, and this thread has others to serve.
    let text = block(move || serde_json::to_string(&totals)).await;
    let text = text
        .ok()
        .and_then(Result::ok)
        .ok_or(ApiError::Internal("the numbers could not be printed"))?;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(text))
}
