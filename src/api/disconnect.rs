//! `/disconnect`: ends a connection for good. Who knows its id may do so.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use channelstream_actors::broker::Broker;
use channelstream_actors::name::ConnId;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::openapi::answers::FieldErrors;
use crate::validation::body::{Body, Checked, Facts, FromBody};
use crate::validation::query;
use crate::validation::rules::{parse_uuid, uuid};

/// What the caller asks for.
#[derive(Debug, ToSchema)]
pub struct DisconnectRequest {
    /// Of the connection.
    #[schema(value_type = String, format = "uuid")]
    conn_id: ConnId,
}

impl FromBody for DisconnectRequest {
    fn from_body(body: &RawValue, _: &Facts) -> Checked<Self> {
        Checked::object(body, |fields| {
            let conn_id = if fields.has("conn_id") {
                fields.required("conn_id", uuid)
            } else {
                fields.fail("conn_id", "Field may not be null.")
            };
            Some(Self { conn_id: conn_id? })
        })
    }
}

/// Ends a connection for good. Answers whether there was one. Any other method takes `conn_id` from the query.
#[utoipa::path(post, path = "/disconnect", operation_id = "disconnect", tag = "listening", request_body = DisconnectRequest,
    responses((status = 200, description = "Whether there was one", body = bool), (status = 422, description = "No UUID", body = FieldErrors)))]
pub async fn by_body(broker: Data<Broker>, Body(request): Body<DisconnectRequest>) -> Json<bool> {
    Json(broker.disconnect(request.conn_id).await)
}

/// Any other method: the query names it.
pub async fn by_query(broker: Data<Broker>, request: HttpRequest) -> Result<Json<bool>, ApiError> {
    let text = query(&request).remove("conn_id").ok_or_else(|| ApiError::field("conn_id", "Field may not be null."))?;
    let conn_id = parse_uuid(&text).ok_or_else(|| ApiError::field("conn_id", "Not a valid UUID."))?;
    Ok(Json(broker.disconnect(conn_id.into()).await))
}
