//! `POST /message`: publishes messages.

use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytestring::ByteString;
use channelstream_actors::broker::{Broker, Once};
use channelstream_actors::protocol::message::{Draft, Message};
use channelstream_actors::protocol::timestamp::Timestamp;
use serde_json::value::RawValue;
use sha1::{Digest, Sha1};
use utoipa::ToSchema;

use crate::api::{MessageAddress, address};
use crate::error::ApiError;
use crate::openapi::answers::SignedErrors;
use crate::signature::Signed;
use crate::validation::body::{self, Checked, Facts, FromBody, list_of};
use crate::validation::rules::{USER, datetime, name, payload, uuid};

/// The header that makes a call safe to repeat.
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A message to be published.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says what a body looks like; it is read field by field into a `Draft`")]
pub struct MessageDraft {
    /// The sender.
    #[schema(min_length = 1, max_length = 512, example = "bob")]
    user: String,
    #[serde(flatten)]
    address: MessageAddress,
    /// Anything, under keys of the application's; passed on unchanged.
    #[schema(value_type = Object, required = false, example = json!({"text": "hello"}))]
    message: (),
    /// A new one where nothing is said.
    #[schema(value_type = String, format = "uuid", required = false)]
    uuid: (),
    /// Now, where nothing is said.
    #[schema(required = false)]
    timestamp: Timestamp,
}

/// What the caller asks for.
#[derive(Debug)]
pub struct MessageRequest(Vec<Draft>);

impl FromBody for MessageRequest {
    fn from_body(body: &RawValue, facts: &Facts) -> Checked<Self> {
        let drafts = list_of(body, |fields| {
            let address = address(fields);
            let uuid = fields.optional("uuid", uuid);
            let timestamp = fields.optional("timestamp", datetime);
            let user = fields.required("user", name(USER));
            let message = fields.optional("message", payload(facts.message_limit));
            Some(Draft { address: address?, uuid: uuid?, timestamp: timestamp?, user: user?, message: message? })
        });
        Checked::by(drafts.map(Self))
    }
}

/// Publishes messages. Answers with the list as accepted; those with neither channel nor recipients are dropped. With an
/// `Idempotency-Key` a repeat answers as the first call did and delivers nothing twice.
#[utoipa::path(post, path = "/message", tag = "messages", request_body = Vec<MessageDraft>,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 256 characters")),
    responses((status = 200, description = "The messages as accepted", body = Vec<Message>), SignedErrors), security(("signature" = [])))]
pub async fn publish(_: Signed, request: HttpRequest, broker: Data<Broker>, payload: Payload) -> Result<HttpResponse, ApiError> {
    let bytes = body::read(&request, payload.into_inner()).await?;
    let MessageRequest(drafts) = body::parse(&bytes, &request).await?;
    let publisher = broker.clone();
    let publish = async move {
        let messages = publisher.publish(drafts).await?;
        serde_json::to_string(&messages).map(ByteString::from).map_err(|_| ApiError::Internal("a message could not be printed"))
    };
    let answer = match idempotency_key(request.headers())? {
        None => publish.await?,
        Some(key) => match broker.once(key, Sha1::digest(&bytes).into(), publish).await? {
            Once::Answer(answer) => answer,
            Once::OtherBody => return Err(ApiError::field("Idempotency-Key", "The key was used for another body.")),
        },
    };
    Ok(HttpResponse::Ok().content_type("application/json").body(answer.into_bytes()))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(key) = headers.get(&IDEMPOTENCY_KEY) else { return Ok(None) };
    match key.to_str() {
        Ok(key) if (1..=256).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(ApiError::field("Idempotency-Key", "Length must be between 1 and 256.")),
    }
}
