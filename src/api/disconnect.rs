//! `/disconnect`: ends a connection for good. Anyone who knows its id may do so.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::{Data, Json};
use actix_web::{FromRequest, HttpRequest, get, post};
use channelstream_actors::name::ConnId;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::error::ApiError;
use crate::error_name::ErrorName;
use crate::extractors::body::Body;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidBody};
use crate::services::Services;
use crate::validation::describer::describe_table;
use crate::validation::errors::{Errors, NULL};
use crate::validation::fields::{Fields, Table, field};
use crate::validation::parameters::CONN_ID;
use crate::validation::query;
use crate::validation::rules::{parse_uuid, uuid};

/// The request of `POST /disconnect`.
#[derive(Debug)]
pub struct DisconnectRequest {
    pub(crate) conn_id: ConnId,
}

impl Table for DisconnectRequest {
    type Value = Self;
    const ABOUT: &'static str = "A connection to end for good.";

    fn visit_fields(fields: &mut impl Fields) -> Option<Self> {
        const CONN_ID: &str = "The id of the connection to end, in any usual spelling of a UUID.";
        let conn_id =
            field("conn_id", CONN_ID).example(r#""7d444840-9dc0-11d1-b245-5ffdce74fad2""#);
        fields
            .required_or(conn_id, uuid(), NULL)
            .map(|conn_id| Self { conn_id })
    }
}

describe_table!(DisconnectRequest);

/// Ends the connection that the body names.
///
/// The answer says whether there was such a connection.
#[utoipa::path(
    tag = "listening",
    operation_id = "disconnect",
    request_body(content = DisconnectRequest, description = "The connection to end."),
    responses(
        (status = 200, description = "True if the connection was ended, false if there was none.",
            body = bool, content_type = "application/json"),
        CommonErrors, HttpsOnly, InvalidBody,
    ),
)]
#[post("/disconnect")]
pub(crate) async fn disconnect(
    services: Data<Services>,
    Body(request): Body<DisconnectRequest>,
) -> Result<Json<bool>, ApiError> {
    Ok(Json(services.broker.disconnect(request.conn_id).await?))
}

/// The connection to end, which the query names.
pub struct DisconnectQuery {
    conn_id: ConnId,
}

impl FromRequest for DisconnectQuery {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let conn_id = match query(request).remove(CONN_ID.name) {
            None => Err(Errors::missing(CONN_ID.name, NULL)),
            Some(text) => parse_uuid(&text)
                .ok_or_else(|| Errors::message(ErrorName::NotAUuid, "Not a valid UUID.")),
        };
        ready(match conn_id {
            Ok(conn_id) => Ok(Self {
                conn_id: conn_id.into(),
            }),
            Err(errors) => Err(ApiError::InvalidQuery(Errors::part(CONN_ID.name, errors))),
        })
    }
}

impl IntoParams for DisconnectQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![CONN_ID.required()]
    }
}

/// Ends the connection that the query names.
///
/// The answer says whether there was such a connection. Every method except POST does the same.
#[utoipa::path(
    tag = "listening",
    operation_id = "disconnect_by_query",
    params(DisconnectQuery),
    responses(
        (status = 200, description = "True if the connection was ended, false if there was none.",
            body = bool, content_type = "application/json"),
        CommonErrors, HttpsOnly, InvalidBody,
    ),
)]
#[get("/disconnect")]
pub(crate) async fn disconnect_by_query(
    services: Data<Services>,
    query: DisconnectQuery,
) -> Result<Json<bool>, ApiError> {
    disconnect_by_any_method(services, query).await
}

/// Ends the connection that the query names, for requests with methods other than GET and POST.
pub async fn disconnect_by_any_method(
    services: Data<Services>,
    DisconnectQuery { conn_id }: DisconnectQuery,
) -> Result<Json<bool>, ApiError> {
    Ok(Json(services.broker.disconnect(conn_id).await?))
}
