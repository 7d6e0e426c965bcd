//! `DELETE /message`: deletes messages.

use actix_web::web::{Data, Json};
use channelstream_actors::broker::Broker;
use channelstream_actors::protocol::message::Deletion;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::{MessageAddress, address};
use crate::error::ApiError;
use crate::openapi::answers::SignedErrors;
use crate::signature::Signed;
use crate::validation::body::{Body, Checked, Facts, FromBody, list_of};
use crate::validation::rules::uuid;

/// A message to be deleted.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says what a body looks like; it is read field by field into a `Deletion`")]
pub struct MessageDeletion {
    /// Of the message.
    #[schema(value_type = String, format = "uuid")]
    uuid: (),
    #[serde(flatten)]
    address: MessageAddress,
}

/// What the caller asks for.
#[derive(Debug)]
pub struct DeleteRequest(Vec<Deletion>);

impl FromBody for DeleteRequest {
    fn from_body(body: &RawValue, _: &Facts) -> Checked<Self> {
        let deletions = list_of(body, |fields| {
            let address = address(fields);
            let uuid = fields.required("uuid", uuid);
            Some(Deletion { address: address?, uuid: uuid? })
        });
        Checked::by(deletions.map(Self))
    }
}

/// Deletes messages where they are kept, and tells all who would get them. Answers with the list as accepted.
#[utoipa::path(delete, path = "/message", tag = "messages", request_body = Vec<MessageDeletion>,
    responses((status = 200, description = "The deletions as accepted", body = Vec<Deletion>), SignedErrors), security(("signature" = [])))]
pub async fn delete(
    _: Signed,
    broker: Data<Broker>,
    Body(DeleteRequest(deletions)): Body<DeleteRequest>,
) -> Result<Json<Vec<Deletion>>, ApiError> {
    broker.delete(deletions.clone()).await?;
    Ok(Json(deletions))
}
