//! Calls that are safe to repeat: the header `Idempotency-Key`, and the body that comes with it.

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};
use bytestring::ByteString;
use channelstream_actors::broker::Broker;
use channelstream_actors::broker::once::{Claim, Once};
use futures_util::future::LocalBoxFuture;
use sha1::{Digest, Sha1};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter as Description, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::error::ApiError;
use crate::error_name::ErrorName;
use crate::extractors::body::read_request;
use crate::validation::body::FromBody;
use crate::validation::parameters::Parameter;

/// The header that makes a call safe to repeat.
const IDEMPOTENCY_KEY: Parameter<String> = Parameter {
    name: "Idempotency-Key",
    about: "A key that the caller chooses. It makes the call safe to repeat for 300 seconds.",
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

/// The maximum length of a key, in bytes.
const LONGEST_KEY: usize = 256;

/// The header `Idempotency-Key`, as a parameter in the description of the API.
pub(crate) struct IdempotencyHeader;

impl IntoParams for IdempotencyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Description> {
        vec![IDEMPOTENCY_KEY.header()]
    }
}

/// The body of a call that is safe to repeat, with the key of the call.
#[derive(Debug)]
pub(crate) struct IdempotentBody<T> {
    /// The request that the body holds.
    pub(crate) request: T,
    /// The key, if the call has one.
    pub(crate) key: Option<IdempotencyKey>,
}

/// The key of a call, with the digest of its body.
#[derive(Debug)]
pub(crate) struct IdempotencyKey {
    key: String,
    body: [u8; 20],
}

impl IdempotencyKey {
    /// Returns the answer of the first call with this key. If there was no such call, runs
    /// `answering`, which does the call.
    ///
    /// # Errors
    /// Fails when the key was used for another body, and with the error of `answering`.
    pub(crate) async fn answer_once<F>(
        self,
        broker: &Broker,
        answering: impl FnOnce(Claim) -> F + 'static,
    ) -> Result<ByteString, ApiError>
    where
        F: Future<Output = Result<ByteString, ApiError>> + 'static,
    {
        match broker.once(self.key, self.body, answering).await? {
            Once::Answer(answer) => Ok(answer),
            Once::OtherBody => Err(ApiError::field(
                ErrorName::KeyReused,
                IDEMPOTENCY_KEY.name,
                "The key was used for another body.",
            )),
        }
    }
}

impl<T: FromBody> FromRequest for IdempotentBody<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (http, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let (bytes, request) = read_request(&http, payload).await?;
            let key = read_key(http.headers())?.map(|key| IdempotencyKey {
                key,
                body: Sha1::digest(&bytes).into(),
            });
            Ok(Self { request, key })
        })
    }
}

fn read_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY.name) else {
        return Ok(None);
    };
    let key = key.to_str().ok().and_then(IDEMPOTENCY_KEY.read);
    key.map(Some).ok_or_else(|| {
        ApiError::field(
            ErrorName::WrongLength,
            IDEMPOTENCY_KEY.name,
            IDEMPOTENCY_KEY.wrong,
        )
    })
}
