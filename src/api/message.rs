//! `POST /message`: publishes messages.

use actix_web::http::header::HeaderMap;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytestring::ByteString;
use channelstream_actors::broker::{Broker, Once};
use channelstream_actors::protocol::message::Draft;
use serde_json::value::RawValue;
use sha1::{Digest, Sha1};

use crate::api::address;
use crate::error::ApiError;
use crate::signature::Signed;
use crate::validation::body::{self, Checked, FromBody, list_of};
use crate::validation::rules::{USER, datetime, name, payload, uuid};

/// The header that makes a call safe to repeat.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What the caller asks for.
#[derive(Debug)]
pub struct MessageRequest(Vec<Draft>);

impl FromBody for MessageRequest {
    fn from_body(body: &RawValue, _: &HttpRequest) -> Checked<Self> {
        let drafts = list_of(body, |fields| {
            let address = address(fields);
            let uuid = fields.optional("uuid", uuid);
            let timestamp = fields.optional("timestamp", datetime);
            let user = fields.required("user", name(USER));
            let message = fields.optional("message", payload);
            Some(Draft { address: address?, uuid: uuid?, timestamp: timestamp?, user: user?, message: message? })
        });
        Checked::by(drafts.map(Self))
    }
}

/// Publishes messages. Answers with the list as accepted; those with neither channel nor recipients are dropped. With an
/// `Idempotency-Key` a repeat answers as the first call did and delivers nothing twice.
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
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match key.to_str() {
        Ok(key) if (1..=256).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(ApiError::field("Idempotency-Key", "Length must be between 1 and 256.")),
    }
}
