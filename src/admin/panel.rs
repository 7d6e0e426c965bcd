//! The panel's page, and the server's numbers for scripts.

use actix_web::web::{Data, block};
use actix_web::{HttpRequest, HttpResponse, get};
use askama::Template;
use channelstream_actors::protocol::info::Totals;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::view::{ListParameters, ListQuery};
use crate::answer::JsonText;
use crate::error::ApiError;
use crate::extractors::operator::Operator;
use crate::openapi::answers::{AdminErrors, CommonErrors, HttpsOnly, InvalidQuery};
use crate::pages::{PageLinks, render};
use crate::services::Services;

/// The panel's page.
#[derive(Template)]
#[template(path = "panel/panel.html")]
struct PanelPage {
    links: PageLinks,
}

/// Shows the panel's page, at `/admin`.
///
/// # Errors
/// Fails when the template cannot be rendered.
pub async fn show_panel(request: HttpRequest, _: Operator) -> Result<HttpResponse, ApiError> {
    let links = PageLinks::of(&request);
    render(&PanelPage { links })
}

/// The server's numbers, with its age and version.
#[derive(Serialize, ToSchema)]
pub struct PanelTotals {
    #[serde(flatten)]
    totals: Totals,
    /// The time since the server started, in the form `1 day, 0:00:12`.
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
    params(ListParameters),
    responses(
        (
            status = 200,
            description = "The numbers of the server, its channels and its users.",
            body = PanelTotals
        ),
        CommonErrors, HttpsOnly, InvalidQuery, AdminErrors,
    ),
    security(("session" = []), ("signature" = [])),
)]
#[get("/admin/admin.json")]
pub(crate) async fn get_numbers(
    operator: Operator,
    services: Data<Services>,
    query: ListQuery,
) -> Result<JsonText, ApiError> {
    show_numbers(operator, services, query).await
}

/// Answers POST in the same way as GET.
pub async fn show_numbers(
    _: Operator,
    services: Data<Services>,
    ListQuery(selection): ListQuery,
) -> Result<JsonText, ApiError> {
    let totals = PanelTotals {
        totals: services.broker.totals(selection).await?,
        uptime: services.start_time.format_uptime(),
        version: env!("CARGO_PKG_VERSION"),
    };
    // A hundred thousand channels take a while to encode, which would delay other requests of this
    // thread.
    let text = block(move || serde_json::to_string(&totals)).await;
    text.ok()
        .and_then(Result::ok)
        .map(|text| JsonText(text.into()))
        .ok_or(ApiError::Internal("the numbers could not be printed"))
}
