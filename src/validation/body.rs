//! Reads a request's body and turns it into its request type: the extractor [`Body`].

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use bytes::Bytes;
use channelstream_actors::broker::Broker;
use serde_json::value::RawValue;
use tokio::task::spawn_blocking;

use super::depth::{DEEPEST, is_too_deep};
use super::errors::Errors;
use super::facts::{Facts, Lookup};
use super::fields::Table;
use super::query::query;
use super::reader::BodyReader;
use super::reading::{self, Limit};
use crate::error::ApiError;
use crate::services::Services;

/// How large a body may be, in bytes, to be parsed on the thread that serves. Others would wait for a
/// larger one, which is parsed on a thread of its own.
const LARGE: usize = 512 << 10;

/// A type of request, which rules make of a body.
pub trait FromBody: Send + Sized + 'static {
    /// Applies all rules.
    fn from_body(body: &RawValue, facts: &Facts) -> Checked<Self>;

    /// Returns what an empty body means. `None` refuses it.
    fn from_nothing() -> Option<Self> {
        None
    }
}

/// A body after all rules that do not need the broker.
#[derive(Debug)]
pub struct Checked<T> {
    /// The request, unless something is wrong.
    pub request: Option<T>,
    /// What is wrong.
    pub errors: Errors,
    /// What the broker is asked about, with the field that names it.
    pub lookups: Vec<(&'static str, Lookup)>,
}

impl<T> Checked<T> {
    /// Reads an object by its table.
    pub fn object<Of: Table<Value = T>>(body: &RawValue, facts: &Facts) -> Self {
        match BodyReader::new(body, facts) {
            Ok(mut fields) => {
                let request = Of::walk(&mut fields);
                let (errors, lookups) = fields.into_findings();
                Self {
                    request,
                    errors,
                    lookups,
                }
            }
            Err(errors) => Self::wrong(errors),
        }
    }

    /// Takes the result of a rule for the whole body.
    pub fn from_result(result: Result<T, Errors>) -> Self {
        match result {
            Ok(request) => Self {
                request: Some(request),
                errors: Errors::none(),
                lookups: Vec::new(),
            },
            Err(errors) => Self::wrong(errors),
        }
    }

    /// Turns the request into something else.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Checked<U> {
        Checked {
            request: self.request.map(map),
            errors: self.errors,
            lookups: self.lookups,
        }
    }

    fn wrong(errors: Errors) -> Self {
        Self {
            request: None,
            errors,
            lookups: Vec::new(),
        }
    }

    /// Asks the broker whether what the request names exists.
    ///
    /// # Errors
    /// Returns all that is wrong with the request.
    pub async fn look_up(mut self, broker: &Broker) -> Result<T, ApiError> {
        for (field, lookup) in self.lookups {
            let (is_known, message) = match lookup {
                Lookup::Connection(conn_id) => {
                    (broker.knows_connection(conn_id).await, unknown_connection())
                }
                Lookup::User(user) => (broker.knows_user(user).await, unknown_user()),
            };
            if !is_known {
                self.errors.add(field, message);
            }
        }
        match self.request {
            Some(request) if self.errors.is_empty() => Ok(request),
            _ => Err(ApiError::Invalid(self.errors)),
        }
    }
}

/// Creates the error about a connection that the broker does not know.
pub fn unknown_connection() -> Errors {
    Errors::explained(
        "Unknown connection",
        "there is no such connection: it was not made, was disconnected, or was idle for too long; call /connect again.",
    )
}

/// Creates the error about a user that the broker does not know.
pub fn unknown_user() -> Errors {
    Errors::explained(
        "Unknown user",
        "there is no such user, or it was forgotten; /connect makes users.",
    )
}

/// A request that is an object.
impl<T: Table<Value = T> + Send + 'static> FromBody for T {
    fn from_body(body: &RawValue, facts: &Facts) -> Checked<Self> {
        Checked::object::<T>(body, facts)
    }
}

/// Reads a list of objects, each by the table `Of`.
///
/// # Errors
/// Returns what is wrong with each item, or `_schema` when the body is not a list.
pub fn list_of<Of: Table>(body: &RawValue, facts: &Facts) -> Result<Vec<Of::Value>, Errors> {
    let items: Vec<&RawValue> =
        serde_json::from_str(body.get()).map_err(|_| Errors::not_a_list(body))?;
    let mut errors = Errors::none();
    let mut list = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let checked = Checked::object::<Of>(item, facts);
        match checked.request {
            Some(item) if checked.errors.is_empty() => list.push(item),
            _ => errors.add(index.to_string(), checked.errors),
        }
    }
    errors.into_result().map(|()| list)
}

/// A body that has passed all rules of its type.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: FromBody> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = read(&request, payload).await?;
            parse(&bytes, &request).await.map(Self)
        })
    }
}

/// Applies the rules of a request type to the bytes of a body. The content type is not looked at.
///
/// # Errors
/// Fails when the body is not JSON, is nested too deep, or breaks a rule.
pub async fn parse<T: FromBody>(bytes: &Bytes, request: &HttpRequest) -> Result<T, ApiError> {
    let services = Services::of(request)?;
    if bytes.is_empty() {
        return T::from_nothing().ok_or_else(|| ApiError::not_json("the body is empty"));
    }
    let facts = Facts {
        conn_id: query(request).remove("conn_id"),
        message_limit: services.settings.message_limit,
    };
    let checked = if bytes.len() > LARGE {
        let bytes = bytes.clone();
        let checked = spawn_blocking(move || check(&bytes, &facts));
        checked
            .await
            .map_err(|_| ApiError::Internal("the rules of a body ended by a fault"))?
    } else {
        check(bytes, &facts)
    };
    checked?.look_up(&services.broker).await
}

/// Applies the rules that need only the body.
fn check<T: FromBody>(bytes: &[u8], facts: &Facts) -> Result<Checked<T>, ApiError> {
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
pub async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, ApiError> {
    let limit = Services::of(request)?.settings.body_limit;
    reading::read(request, payload, Limit::Signed(limit)).await
}
