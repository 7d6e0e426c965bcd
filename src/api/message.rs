//! `POST /message`: publishes messages.

use std::sync::Arc;

use actix_web::post;
use actix_web::web::Data;
use bytestring::ByteString;
use channelstream_actors::broker::Broker;
use channelstream_actors::protocol::event::EventBody;
use channelstream_actors::protocol::message::{Draft, Message};
use serde_json::value::RawValue;

use crate::answer::JsonText;
use crate::api::address::address;
use crate::api::idempotency::{IdempotencyHeader, IdempotentBody};
use crate::error::ApiError;
use crate::extractors::signed::Signed;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidBody, SignedErrors};
use crate::services::Services;
use crate::validation::body::{Checked, FromBody, list_of};
use crate::validation::describer::describe_table;
use crate::validation::facts::Facts;
use crate::validation::fields::{Fields, Table, field};
use crate::validation::rules::{USER, datetime, name, payload, uuid};

/// A message to publish.
#[derive(Debug)]
pub struct MessageDraft;

impl Table for MessageDraft {
    type Value = Draft;
    const ABOUT: &'static str = "A message to publish, and its recipients.";

    fn visit_fields(fields: &mut impl Fields) -> Option<Draft> {
        const UUID: &str = "An id for the message, in any usual spelling of a UUID. If it is \
                            absent, the server makes one.";
        const TIMESTAMP: &str = "A time for the message. The default is the current time.";
        const USER_FIELD: &str = "The name of the user who sends the message.";
        const MESSAGE: &str = "The application's object, which is passed on unchanged. It has at \
                               most `message_limit` bytes.";
        let limit = fields.facts().limits.message;
        let address = address(fields);
        let uuid = fields.optional(field("uuid", UUID), uuid());
        let timestamp = fields.optional(field("timestamp", TIMESTAMP), datetime());
        let user = fields.required(field("user", USER_FIELD).example(r#""bob""#), name(USER));
        let message = fields.optional(
            field("message", MESSAGE).example(r#"{"text": "hello"}"#),
            payload(limit),
        );
        Some(Draft {
            address: address?,
            uuid,
            timestamp,
            user: user?,
            message,
        })
    }
}

describe_table!(MessageDraft);

/// The request of `POST /message`.
#[derive(Debug)]
pub struct MessageRequest(Vec<Draft>);

impl FromBody for MessageRequest {
    fn from_body(body: &RawValue, facts: &Facts) -> Checked<Self> {
        Checked::from_result(list_of::<MessageDraft>(body, facts).map(Self))
    }
}

/// Publishes messages to channels and users.
///
/// The answer lists the accepted messages. Messages with neither a channel nor recipients are left
/// out. A call that is repeated with the same `Idempotency-Key` gets the first answer again, and
/// nothing is delivered twice.
#[utoipa::path(
    tag = "messages",
    operation_id = "publish",
    request_body(content = Vec<MessageDraft>, description = "The messages to publish, as a list."),
    params(IdempotencyHeader),
    responses(
        (status = 200, description = "The messages as they were accepted.", body = Vec<Message>),
        CommonErrors, HttpsOnly, InvalidBody, SignedErrors,
    ),
    security(("signature" = [])),
)]
#[post("/message")]
pub(crate) async fn publish_messages(
    _: Signed,
    services: Data<Services>,
    call: IdempotentBody<MessageRequest>,
) -> Result<JsonText, ApiError> {
    publish(&services.broker, call).await
}

/// Publishes messages for the API and for the panel.
pub(crate) async fn publish(
    broker: &Broker,
    IdempotentBody { request, key }: IdempotentBody<MessageRequest>,
) -> Result<JsonText, ApiError> {
    let answer = match key {
        None => encode(&broker.publish(request.0).await?)?,
        Some(key) => {
            let own = broker.clone();
            let publishing = |claim| async move {
                let messages = own.publish_once(request.0, claim).await?;
                encode(&messages)
            };
            key.answer_once(broker, publishing).await?
        }
    };
    Ok(JsonText(answer))
}

fn encode(messages: &[Arc<Message>]) -> Result<ByteString, ApiError> {
    // A message takes about as many bytes in the answer as in its event.
    let sizes = (messages.iter()).map(|message| EventBody::most_size(message.message.as_ref()));
    let mut text = Vec::with_capacity(sizes.sum());
    let encoded = serde_json::to_writer(&mut text, messages).ok();
    encoded
        .and_then(|()| ByteString::try_from(text).ok())
        .ok_or(ApiError::Internal("a message could not be printed"))
}
