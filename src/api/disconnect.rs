//! `/disconnect`: ends a connection for good. Anyone who knows its id may do so.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, get, post};
use channelstream_actors::broker::Broker;
use channelstream_actors::name::ConnId;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::error::ApiError;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidBody};
use crate::validation::body::Body;
use crate::validation::describer::describe_table;
use crate::validation::errors::Errors;
use crate::validation::fields::{Fields, NULL, Table, field};
use crate::validation::parameters::CONN_ID;
use crate::validation::query;
use crate::validation::rules::{parse_uuid, uuid};

/// The request of `POST /disconnect`.
#[derive(Debug)]
pub struct DisconnectRequest {
    conn_id: ConnId,
}

impl Table for DisconnectRequest {
    type Value = Self;
    const ABOUT: &'static str = "A connection to end for good.";

    fn walk(fields: &mut impl Fields) -> Option<Self> {
        const CONN_ID: &str = "The id of the connection to end, in any usual spelling of a UUID.";
        let conn_id =
            field("conn_id", CONN_ID).example(r#""7d444840-9dc0-11d1-b245-5ffdce74fad2""#);
        fields
            .required_or(conn_id, uuid(), NULL)
            .map(|conn_id| Self { conn_id })
    }
}

describe_table!(DisconnectRequest);

/// Ends a connection that the body names.
///
/// Answers whether there was such a connection.
#[utoipa::path(
    tag = "listening",
    operation_id = "disconnect",
    request_body(content = DisconnectRequest, description = "The connection to end."),
    responses(
        (status = 200, description = "True if the connection was ended, false if there was none.", body = bool,
            content_type = "application/json"),
        CommonErrors, HttpsOnly, InvalidBody,
    ),
)]
#[post("/disconnect")]
pub(crate) async fn by_body(broker: Data<Broker>, body: Body<DisconnectRequest>) -> Json<bool> {
    disconnect(&broker, body.0).await
}

/// Ends a connection for the API and for the panel.
pub(crate) async fn disconnect(broker: &Broker, request: DisconnectRequest) -> Json<bool> {
    Json(broker.disconnect(request.conn_id).await)
}

/// The connection to end, where the query names it.
pub struct DisconnectQuery;

impl IntoParams for DisconnectQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![CONN_ID.required()]
    }
}

/// Ends a connection that the query names.
///
/// Answers whether there was such a connection. Any method but POST does this.
#[utoipa::path(
    tag = "listening",
    operation_id = "disconnect_by_query",
    params(DisconnectQuery),
    responses(
        (status = 200, description = "True if the connection was ended, false if there was none.", body = bool,
            content_type = "application/json"),
        CommonErrors, HttpsOnly, InvalidBody,
    ),
)]
#[get("/disconnect")]
pub(crate) async fn by_query(
    broker: Data<Broker>,
    request: HttpRequest,
) -> Result<Json<bool>, ApiError> {
    disconnect_by_query(broker, request).await
}

/// Any other method does what GET does.
pub async fn disconnect_by_query(
    broker: Data<Broker>,
    request: HttpRequest,
) -> Result<Json<bool>, ApiError> {
    let text = query(&request).remove(CONN_ID.name).ok_or_else(|| {
        ApiError::Invalid(Errors::part(
            CONN_ID.name,
            Errors::missing(CONN_ID.name, NULL),
        ))
    })?;
    let conn_id =
        parse_uuid(&text).ok_or_else(|| ApiError::field(CONN_ID.name, "Not a valid UUID."))?;
    Ok(Json(broker.disconnect(conn_id.into()).await))
}
