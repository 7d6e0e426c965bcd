//! Reads a request's body and turns it into its request type: the extractor [`Body`].

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use bytes::Bytes;
use channelstream_actors::broker::Broker;
use serde_json::value::RawValue;
use tokio::task::spawn_blocking;

use super::errors::Errors;
use super::fields::{Mention, Table};
use super::query;
use super::reader::Reader;
use super::reading::{self, Limit};
use crate::error::ApiError;
use crate::logging::refusals::{Refusal, refused};
use crate::settings::Settings;

/// The deepest nesting of JSON that is accepted: neither browsers nor backends should have to read
/// more.
const DEEPEST: usize = 100;

/// A body that is larger than this is read on a thread of its own: others would wait for it.
const LARGE: usize = 512 << 10;

/// What rules and tables may look at besides the body.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The `conn_id` of the query.
    pub conn_id: Option<String>,
    /// How many bytes the `message` of an item may have.
    pub message_limit: usize,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            conn_id: None,
            message_limit: usize::MAX,
        }
    }
}

impl Facts {
    fn of(request: &HttpRequest) -> Self {
        let message_limit = request
            .app_data::<Data<Settings>>()
            .map_or(usize::MAX, |settings| settings.message_limit);
        Self {
            conn_id: query(request).remove("conn_id"),
            message_limit,
        }
    }
}

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
    /// What the broker must know, with the field that names it.
    pub mentions: Vec<(&'static str, Mention)>,
}

impl<T> Checked<T> {
    /// Reads an object by its table.
    pub fn object<Of: Table<Value = T>>(body: &RawValue, facts: &Facts) -> Self {
        match Reader::new(body, facts) {
            Ok(mut fields) => {
                let request = Of::walk(&mut fields);
                let (errors, mentions) = fields.into_findings();
                Self {
                    request,
                    errors,
                    mentions,
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
                mentions: Vec::new(),
            },
            Err(errors) => Self::wrong(errors),
        }
    }

    /// Turns the request into something else.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Checked<U> {
        Checked {
            request: self.request.map(map),
            errors: self.errors,
            mentions: self.mentions,
        }
    }

    fn wrong(errors: Errors) -> Self {
        Self {
            request: None,
            errors,
            mentions: Vec::new(),
        }
    }

    /// Looks up what the request mentions.
    ///
    /// # Errors
    /// Returns all that is wrong with the request.
    pub async fn known_to(mut self, broker: &Broker) -> Result<T, ApiError> {
        for (field, mention) in self.mentions {
            let (is_known, message) = match mention {
                Mention::Connection(conn_id) => {
                    (broker.knows_connection(conn_id).await, unknown_connection())
                }
                Mention::User(user) => (broker.knows_user(user).await, unknown_user()),
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
    let broker = request
        .app_data::<Data<Broker>>()
        .ok_or(ApiError::Internal("no broker"))?;
    if bytes.is_empty() {
        return T::from_nothing().ok_or_else(|| ApiError::not_json("the body is empty"));
    }
    let facts = Facts::of(request);
    let checked = if bytes.len() > LARGE {
        let bytes = bytes.clone();
        let checked = spawn_blocking(move || check(&bytes, &facts));
        checked
            .await
            .map_err(|_| ApiError::Internal("the rules of a body ended by a fault"))?
    } else {
        check(bytes, &facts)
    };
    let result = checked?.known_to(broker).await;
    if let Some(hint) = result.as_ref().err().and_then(ApiError::hint) {
        let path = request.path().escape_debug();
        refused(
            Refusal::Invalid,
            format_args!("refused a call to {path}: {hint}"),
        );
    }
    result
}

/// Applies the rules that need nobody else.
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
    let limit = request
        .app_data::<Data<Settings>>()
        .map_or(0, |settings| settings.body_limit);
    reading::read(request, payload, Limit::Signed(limit)).await
}

/// Returns whether brackets are nested too deep outside of texts.
fn is_too_deep(json: &str) -> bool {
    // Hardly any body has so many brackets that they must be looked at one by one.
    json.bytes()
        .filter(|byte| matches!(byte, b'[' | b'{'))
        .count()
        > DEEPEST
        && depth(json) > DEEPEST
}

/// Returns how deep brackets are nested outside of texts.
fn depth(json: &str) -> usize {
    let (mut deepest, mut depth) = (0_usize, 0_usize);
    let (mut in_text, mut is_escaped) = (false, false);
    for byte in json.bytes() {
        if in_text {
            in_text = is_escaped || byte != b'"';
            is_escaped = !is_escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_texts() {
        assert_eq!(depth("{}"), 1);
        assert_eq!(depth(r#"[{"a": "[[[\"[["}, [[]]]"#), 3);
    }

    #[test]
    fn many_brackets_are_not_too_deep_beside_each_other_or_in_texts() {
        let (nested, beside) = (
            |levels| "[".repeat(levels) + &"]".repeat(levels),
            "[],".repeat(DEEPEST + 1),
        );
        assert!(!is_too_deep(&nested(DEEPEST)) && is_too_deep(&nested(DEEPEST + 1)));
        assert!(!is_too_deep(&format!(
            "[{beside}{:?}]",
            nested(DEEPEST + 1)
        )));
    }
}
