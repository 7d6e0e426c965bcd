//! `DELETE /message`: deletes messages.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use channelstream_actors::broker::Broker;
use channelstream_actors::protocol::message::Deletion;
use serde_json::value::RawValue;

use crate::api::address;
use crate::error::ApiError;
use crate::signature::Signed;
use crate::validation::body::{Body, Checked, FromBody, list_of};
use crate::validation::rules::uuid;

/// What the caller asks for.
#[derive(Debug)]
pub struct DeleteRequest(Vec<Deletion>);

impl FromBody for DeleteRequest {
    fn from_body(body: &RawValue, _: &HttpRequest) -> Checked<Self> {
        let deletions = list_of(body, |fields| {
            let address = address(fields);
            let uuid = fields.required("uuid", uuid);
            Some(Deletion { address: address?, uuid: uuid? })
        });
        Checked::by(deletions.map(Self))
    }
}

/// Deletes messages where they are kept, and tells all who would get them. Answers with the list as accepted.
pub async fn delete(
    _: Signed,
    broker: Data<Broker>,
    Body(DeleteRequest(deletions)): Body<DeleteRequest>,
) -> Result<Json<Vec<Deletion>>, ApiError> {
    broker.delete(deletions.clone()).await?;
    Ok(Json(deletions))
}
