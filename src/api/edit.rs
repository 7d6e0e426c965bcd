//! `PATCH /message`: edits messages.

use actix_web::patch;
use actix_web::web::{Data, Json};
use channelstream_actors::protocol::message::Patch;
use channelstream_actors::protocol::timestamp::Moment;
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
use crate::validation::rules::{USER, datetime, name, payload, uuid};

/// A message to edit.
#[derive(Debug)]
pub struct MessagePatch;

impl Table for MessagePatch {
    type Value = Patch;
    const ABOUT: &'static str = "A message to edit, and the users who are notified. Fields that \
                                 are absent stay unchanged.";

    fn visit_fields(fields: &mut impl Fields) -> Option<Patch> {
        const UUID: &str = "The id of the message to edit, in any usual spelling of a UUID.";
        const TIMESTAMP: &str = "A new time for the message.";
        const USER_FIELD: &str = "A new sender of the message.";
        const MESSAGE: &str = "A new object for the message, of at most `message_limit` bytes.";
        const EDITED: &str = "The time of the edit. The default is the current time.";
        let limit = fields.facts().limits.message;
        let address = address(fields);
        let uuid = fields.required(
            field("uuid", UUID).example(r#""7d444840-9dc0-11d1-b245-5ffdce74fad2""#),
            uuid(),
        );
        let timestamp = fields.optional(field("timestamp", TIMESTAMP), datetime());
        let user = fields.optional(field("user", USER_FIELD), name(USER));
        let message = fields.optional(
            field("message", MESSAGE).example(r#"{"text": "hello again"}"#),
            payload(limit),
        );
        let edited = fields.or_else(field("edited", EDITED), datetime(), |_| {
            Ok(Moment::now().into())
        });
        Some(Patch {
            address: address?,
            uuid: uuid?,
            timestamp,
            user,
            message,
            edited: edited?,
        })
    }
}

describe_table!(MessagePatch);

/// The request of `PATCH /message`.
#[derive(Debug)]
pub struct EditRequest(Vec<Patch>);

impl FromBody for EditRequest {
    fn from_body(body: &RawValue, facts: &Facts) -> Checked<Self> {
        Checked::from_result(list_of::<MessagePatch>(body, facts).map(Self))
    }
}

/// Edits messages that were published.
///
/// The server changes the messages in its histories and logs. It sends a `message:edit` event to
/// the channel and the users that the edit names. The answer lists the accepted edits.
#[utoipa::path(
    tag = "messages",
    operation_id = "edit",
    request_body(content = Vec<MessagePatch>, description = "The messages to edit, as a list."),
    responses(
        (status = 200, description = "The edits as they were accepted.", body = Vec<Patch>),
        CommonErrors, HttpsOnly, InvalidBody, SignedErrors,
    ),
    security(("signature" = [])),
)]
#[patch("/message")]
pub(crate) async fn edit_messages(
    _: Signed,
    services: Data<Services>,
    Body(EditRequest(patches)): Body<EditRequest>,
) -> Result<Json<Vec<Patch>>, ApiError> {
    services.broker.edit(patches.clone()).await?;
    Ok(Json(patches))
}
