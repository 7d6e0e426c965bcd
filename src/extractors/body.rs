//! The extractor [`Body`], which reads the body of a signed call and turns it into its request.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use bytes::Bytes;
use channelstream_actors::broker::Broker;
use futures_util::future::LocalBoxFuture;
use serde_json::value::RawValue;
use tokio::task::spawn_blocking;

use super::reading::{Limit, read};
use crate::error::ApiError;
use crate::services::Services;
use crate::settings::Settings;
use crate::validation::body::{Checked, FromBody, unknown_connection, unknown_user};
use crate::validation::depth::{DEEPEST, is_too_deep};
use crate::validation::facts::{CallLimits, Facts, Lookup};
use crate::validation::query;

/// The size of the largest body, in bytes, that is parsed on the worker's own thread. Other
/// requests would wait while a larger body is parsed, so it is parsed on a separate thread.
const LARGE: usize = 512 << 10;

/// A body that has passed all rules of its type.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: FromBody> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let (_, request) = read_request(&request, payload).await?;
            Ok(Self(request))
        })
    }
}

/// Reads the body of a signed call and applies the rules of its request type. Returns the bytes and
/// the request. The content type is ignored.
///
/// # Errors
/// Fails when the body is too large, does not arrive in time, is not JSON, is nested too deep, or
/// breaks a rule.
pub async fn read_request<T: FromBody>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<(Bytes, T), ApiError> {
    let services = Services::of(request)?;
    let bytes = read_signed(request, payload, &services.settings).await?;
    let parsed = parse(&bytes, request, services).await?;
    Ok((bytes, parsed))
}

async fn parse<T: FromBody>(
    bytes: &Bytes,
    request: &HttpRequest,
    services: &Services,
) -> Result<T, ApiError> {
    if bytes.is_empty() {
        return T::from_nothing().ok_or_else(|| ApiError::not_json("the body is empty"));
    }
    let facts = Facts {
        conn_id: query(request).remove("conn_id"),
        limits: CallLimits::new(&services.settings),
    };
    let checked = if bytes.len() > LARGE {
        let bytes = bytes.clone();
        let checked = spawn_blocking(move || check(&bytes, &facts));
        checked
            .await
            .map_err(|_| ApiError::Internal("the thread that parsed a body panicked"))?
    } else {
        check(bytes, &facts)
    };
    resolve(checked?, &services.broker).await
}

/// Applies the rules that need only the body.
///
/// # Errors
/// Fails when the body is not JSON, or is nested too deep.
pub fn check<T: FromBody>(bytes: &[u8], facts: &Facts) -> Result<Checked<T>, ApiError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ApiError::not_json(format!("the body is not UTF-8: {error}")))?;
    if is_too_deep(text) {
        return Err(ApiError::not_json(format!(
            "the body is nested deeper than {DEEPEST} levels"
        )));
    }
    let body: &RawValue = serde_json::from_str(text)
        .map_err(|error| ApiError::not_json(format!("the body is not JSON: {error}")))?;
    Ok(T::from_body(body, facts))
}

/// Reads the body of a signed call.
///
/// # Errors
/// Fails when the body is larger than `body_limit`, or does not arrive in time.
pub async fn read_body(request: &HttpRequest, payload: Payload) -> Result<Bytes, ApiError> {
    read_signed(request, payload, &Services::of(request)?.settings).await
}

async fn read_signed(
    request: &HttpRequest,
    payload: Payload,
    settings: &Settings,
) -> Result<Bytes, ApiError> {
    let limit = Limit::Signed(settings.body_limit);
    read(request, payload, limit, settings).await
}

/// Returns the request if nothing is wrong with it. The call itself then finds out whether the
/// named connection or user exists.
///
/// # Errors
/// Fails with everything that is wrong with the request. Only in this case is the broker asked
/// whether the named connection or user exists, since that error must stand beside the others.
async fn resolve<T>(checked: Checked<T>, broker: &Broker) -> Result<T, ApiError> {
    let Checked {
        request,
        mut errors,
        lookups,
    } = checked;
    if let Some(request) = request.filter(|_| errors.is_empty()) {
        return Ok(request);
    }
    for (field, lookup) in lookups {
        let (is_known, message) = match lookup {
            Lookup::Connection(conn_id) => (
                broker.knows_connection(conn_id).await?,
                unknown_connection(),
            ),
            Lookup::User(user) => (broker.knows_user(user).await?, unknown_user()),
        };
        if !is_known {
            errors.add(field, message);
        }
    }
    Err(ApiError::Invalid(errors))
}
