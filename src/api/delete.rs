//! `DELETE /message`: deletes messages.

use actix_web::delete;
use actix_web::web::{Data, Json};
use channelstream_actors::protocol::message::Deletion;
use serde_json::value::RawValue;

use crate::api::address::address;
use crate::error::ApiError;
use crate::extractors::body::Body;
use crate::extractors::signed::Signed;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidBody, SignedErrors};
use crate::services::Services;
use crate::validation::body::{Checked, FromBody, list_of};
use crate::validation::describer::describe_table;
use crate::validation::facts::Facts;
use crate::validation::fields::{Fields, Table, field};
use crate::validation::rules::uuid;

/// A message to delete.
#[derive(Debug)]
pub struct MessageDeletion;

impl Table for MessageDeletion {
    type Value = Deletion;
    const ABOUT: &'static str = "A message to delete, and the users who are notified.";

    fn visit_fields(fields: &mut impl Fields) -> Option<Deletion> {
        const UUID: &str = "The id of the message to delete, in any usual spelling of a UUID.";
        let address = address(fields);
        let uuid = fields.required(
            field("uuid", UUID).example(r#""7d444840-9dc0-11d1-b245-5ffdce74fad2""#),
            uuid(),
        );
        Some(Deletion {
            address: address?,
            uuid: uuid?,
        })
    }
}

describe_table!(MessageDeletion);

/// The request of `DELETE /message`.
#[derive(Debug)]
pub struct DeleteRequest(Vec<Deletion>);

impl FromBody for DeleteRequest {
    fn from_body(body: &RawValue, facts: &Facts) -> Checked<Self> {
        Checked::from_result(list_of::<MessageDeletion>(body, facts).map(Self))
    }
}

/// Deletes messages that were published.
///
/// The server removes the messages from its histories and logs. It sends a `message:delete` event
/// to the channel and the users that the deletion names. The answer lists the accepted deletions.
#[utoipa::path(
    tag = "messages",
    operation_id = "delete",
    request_body(content = Vec<MessageDeletion>,
        description = "The messages to delete, as a list."),
    responses(
        (status = 200, description = "The deletions as they were accepted.", body = Vec<Deletion>),
        CommonErrors, HttpsOnly, InvalidBody, SignedErrors,
    ),
    security(("signature" = [])),
)]
#[delete("/message")]
pub(crate) async fn delete_messages(
    _: Signed,
    services: Data<Services>,
    Body(DeleteRequest(deletions)): Body<DeleteRequest>,
) -> Result<Json<Vec<Deletion>>, ApiError> {
    services.broker.delete(deletions.clone()).await?;
    Ok(Json(deletions))
}
