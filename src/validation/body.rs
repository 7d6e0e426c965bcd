//! From the JSON of a body to a request, by the rules that need nothing but the body.

use serde_json::value::RawValue;

use super::errors::Errors;
use super::facts::{Facts, Lookup};
use super::fields::Table;
use super::reader::BodyReader;

/// A type of request that a body is read into.
pub trait FromBody: Send + Sized + 'static {
    /// Applies all rules to the body.
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

/// Reads a list of messages, each by the table `Of`.
///
/// # Errors
/// Returns what is wrong with each item, or `_schema` when the body is not a list or too long.
pub fn list_of<Of: Table>(body: &RawValue, facts: &Facts) -> Result<Vec<Of::Value>, Errors> {
    let items: Vec<&RawValue> =
        serde_json::from_str(body.get()).map_err(|_| Errors::not_a_list(body))?;
    let checked = facts.limits.messages.check(items.len());
    checked.map_err(|reached| Errors::part("_schema", reached.into()))?;
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
