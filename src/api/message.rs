//! `POST /message`: publishes messages.

use actix_web::http::header::HeaderMap;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use bytestring::ByteString;
use channelstream_actors::broker::Broker;
use channelstream_actors::broker::once::Once;
use channelstream_actors::protocol::message::{Draft, Message};
use serde_json::value::RawValue;
use sha1::{Digest, Sha1};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter as Description, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::api::address;
use crate::error::ApiError;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidBody, SignedErrors};
use crate::signature::Signed;
use crate::validation::body::{self, Checked, Facts, FromBody, list_of};
use crate::validation::describer::describe_table;
use crate::validation::fields::{Fields, Table, field};
use crate::validation::parameters::Parameter;
use crate::validation::rules::{USER, datetime, name, payload, uuid};

/// The header that makes a call safe to repeat.
const IDEMPOTENCY_KEY: Parameter<String> = Parameter {
    name: "Idempotency-Key",
    about: "A key of the caller's own that makes the call safe to repeat for 300 seconds.",
    read: |key| {
        (1..=LONGEST_KEY)
            .contains(&key.len())
            .then(|| key.to_owned())
    },
    wrong: "Length must be between 1 and 256.",
    schema: || {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(LONGEST_KEY))
            .into()
    },
};

/// The longest key, in bytes.
const LONGEST_KEY: usize = 256;

/// The header of a call that may be repeated, for the description.
struct RepeatHeader;

impl IntoParams for RepeatHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Description> {
        vec![IDEMPOTENCY_KEY.header()]
    }
}

/// A message to publish.
#[derive(Debug)]
pub struct MessageDraft;

impl Table for MessageDraft {
    type Value = Draft;
    const ABOUT: &'static str = "A message to publish, and who gets it.";

    fn walk(fields: &mut impl Fields) -> Option<Draft> {
        const UUID: &str = "An id for the message, in any usual spelling of a UUID. Where it is absent the server makes one.";
        const TIMESTAMP: &str = "A time for the message. Where it is absent it is now.";
        const USER_FIELD: &str = "The name of the user who sends the message.";
        const MESSAGE: &str = "The application's object, of at most `message_limit` bytes, which is passed on unchanged.";
        let limit = fields.facts().message_limit;
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
            uuid: uuid?,
            timestamp: timestamp?,
            user: user?,
            message: message?,
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
/// Answers with the accepted messages, without those that have neither a channel nor recipients. A
/// call that is repeated with the same `Idempotency-Key` gets the first answer again, and nothing
/// is delivered twice.
#[utoipa::path(
    tag = "messages",
    operation_id = "publish",
    request_body(content = Vec<MessageDraft>, description = "The messages to publish, as a list."),
    params(RepeatHeader),
    responses(
        (status = 200, description = "The messages as they were accepted.", body = Vec<Message>),
        CommonErrors, HttpsOnly, InvalidBody, SignedErrors,
    ),
    security(("signature" = [])),
)]
#[post("/message")]
pub(crate) async fn publish_messages(
    _: Signed,
    request: HttpRequest,
    broker: Data<Broker>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    publish(request, broker, payload).await
}

/// Publishes messages for the API and for the panel.
pub(crate) async fn publish(
    request: HttpRequest,
    broker: Data<Broker>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let bytes = body::read(&request, payload.into_inner()).await?;
    let MessageRequest(drafts) = body::parse(&bytes, &request).await?;
    let publisher = broker.clone();
    let publishing = async move {
        let messages = publisher.publish(drafts).await?;
        serde_json::to_string(&messages)
            .map(ByteString::from)
            .map_err(|_| ApiError::Internal("a message could not be printed"))
    };
    let answer = match idempotency_key(request.headers())? {
        None => publishing.await?,
        Some(key) => match broker
            .once(key, Sha1::digest(&bytes).into(), publishing)
            .await?
        {
            Once::Answer(answer) => answer,
            Once::OtherBody => {
                return Err(ApiError::field(
                    IDEMPOTENCY_KEY.name,
                    "The key was used for another body.",
                ));
            }
        },
    };
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(answer.into_bytes()))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY.name) else {
        return Ok(None);
    };
    let key = key.to_str().ok().and_then(IDEMPOTENCY_KEY.read);
    key.map(Some)
        .ok_or_else(|| ApiError::field(IDEMPOTENCY_KEY.name, IDEMPOTENCY_KEY.wrong))
}
