//! `PATCH /message`: edits messages.

use actix_web::web::{Data, Json};
use channelstream_actors::broker::Broker;
use channelstream_actors::protocol::message::Patch;
use channelstream_actors::protocol::timestamp::{Moment, Timestamp};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::{MessageAddress, address};
use crate::error::ApiError;
use crate::openapi::answers::SignedErrors;
use crate::signature::Signed;
use crate::validation::body::{Body, Checked, Facts, FromBody, list_of};
use crate::validation::rules::{USER, datetime, name, payload, uuid};

/// A message to be edited; what is not given stays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says what a body looks like; it is read field by field into a `Patch`")]
pub struct MessagePatch {
    /// Of the message.
    #[schema(value_type = String, format = "uuid")]
    uuid: (),
    #[serde(flatten)]
    address: MessageAddress,
    /// A new sender.
    #[schema(min_length = 1, max_length = 512, required = false)]
    user: String,
    /// A new content.
    #[schema(value_type = Object, required = false, example = json!({"text": "hello again"}))]
    message: (),
    /// A new time.
    #[schema(required = false)]
    timestamp: Timestamp,
    /// When it was edited; now, where nothing is said.
    #[schema(required = false)]
    edited: Timestamp,
}

/// What the caller asks for.
#[derive(Debug)]
pub struct EditRequest(Vec<Patch>);

impl FromBody for EditRequest {
    fn from_body(body: &RawValue, facts: &Facts) -> Checked<Self> {
        let now = Moment::now();
        let patches = list_of(body, |fields| {
            let address = address(fields);
            let uuid = fields.required("uuid", uuid);
            let timestamp = fields.optional("timestamp", datetime);
            let user = fields.optional("user", name(USER));
            let message = fields.optional("message", payload(facts.message_limit));
            let edited = fields.or("edited", || now.into(), datetime);
            Some(Patch { address: address?, uuid: uuid?, timestamp: timestamp?, user: user?, message: message?, edited: edited? })
        });
        Checked::by(patches.map(Self))
    }
}

/// Edits messages where they are kept, and tells all who would get them. Answers with the list as accepted.
#[utoipa::path(patch, path = "/message", tag = "messages", request_body = Vec<MessagePatch>,
    responses((status = 200, description = "The edits as accepted", body = Vec<Patch>), SignedErrors), security(("signature" = [])))]
pub async fn edit(
    _: Signed,
    broker: Data<Broker>,
    Body(EditRequest(patches)): Body<EditRequest>,
) -> Result<Json<Vec<Patch>>, ApiError> {
    broker.edit(patches.clone()).await?;
    Ok(Json(patches))
}
