//! The panel's page, and the server's numbers for scripts.

use actix_web::web::{Data, block};
use actix_web::{HttpRequest, HttpResponse};
use channelstream_actors::broker::Broker;
use channelstream_actors::protocol::info::Totals;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::session::Admin;
use crate::admin::view::{Listing, selection};
use crate::error::ApiError;
use crate::openapi::answers::AdminErrors;
use crate::pages::page;
use crate::process::Started;

const PAGE: &str = include_str!("assets/panel.html");

/// `/admin`.
pub async fn panel(request: HttpRequest, _: Admin) -> HttpResponse {
    page(&request, PAGE)
}

/// The server's numbers with its age and version.
#[derive(Serialize, ToSchema)]
pub struct PanelTotals {
    #[serde(flatten)]
    totals: Totals,
    uptime: String,
    version: &'static str,
}

/// The server's numbers with all channels and users, or, where the query asks for it, with a page of each by name.
#[utoipa::path(get, path = "/admin/admin.json", operation_id = "numbers", tag = "operating",
    params(Listing), responses((status = 200, description = "The numbers", body = PanelTotals), AdminErrors), security(("session" = []), ("signature" = [])))]
pub async fn totals(
    _: Admin,
    request: HttpRequest,
    broker: Data<Broker>,
    started: Data<Started>,
) -> Result<HttpResponse, ApiError> {
    let totals = broker.totals(selection(&request)?).await;
    let totals = PanelTotals { totals, uptime: started.uptime(), version: env!("CARGO_PKG_VERSION") };
    // Of a hundred thousand channels that takes a while, and this thread has others to serve.
    let text = block(move || serde_json::to_string(&totals)).await;
    let text = text.ok().and_then(Result::ok).ok_or(ApiError::Internal("the numbers could not be printed"))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(text))
}
