//! Turns the JSON of a body into a request, by the rules that need only the body.

use serde_json::value::RawValue;

use super::errors::Errors;
use super::facts::{Facts, Lookup};
use super::fields::Table;
use super::reader::BodyReader;
use crate::error_name::ErrorName;

/// A request type that is read from a body.
pub trait FromBody: Send + Sized + 'static {
    /// Applies all rules to the body.
    fn from_body(body: &RawValue, facts: &Facts) -> Checked<Self>;

    /// Returns the request that an empty body stands for, or `None` if an empty body is refused.
    fn from_nothing() -> Option<Self> {
        None
    }
}

/// The result of all rules that do not need the broker.
#[derive(Debug)]
pub struct Checked<T> {
    /// The request, or `None` if a part that it needs is wrong.
    pub request: Option<T>,
    /// The errors that were found.
    pub errors: Errors,
    /// The connections and users that the broker is asked about, each with the name of its field.
    pub lookups: Vec<(&'static str, Lookup)>,
}

impl<T> Checked<T> {
    /// Reads an object by the table `Of`.
    pub fn object<Of: Table<Value = T>>(body: &RawValue, facts: &Facts) -> Self {
        match BodyReader::new(body, facts) {
            Ok(mut fields) => {
                let request = Of::visit_fields(&mut fields);
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

    /// Creates the result of a body that one rule reads as a whole.
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
        ErrorName::UnknownConnection,
        "Unknown connection",
        "there is no such connection: it was never opened, was disconnected, or was idle for too \
         long; call /connect again.",
    )
}

/// Creates the error about a user that the broker does not know.
pub fn unknown_user() -> Errors {
    Errors::explained(
        ErrorName::UnknownUser,
        "Unknown user",
        "there is no such user, or the user was forgotten; /connect creates users.",
    )
}

/// Each table of an object is a request type.
impl<T: Table<Value = T> + Send + 'static> FromBody for T {
    fn from_body(body: &RawValue, facts: &Facts) -> Checked<Self> {
        Checked::object::<T>(body, facts)
    }
}

/// Reads a list of messages, each by the table `Of`.
///
/// # Errors
/// Returns the errors of each item, or an error under `_schema` if the body is not a list or the
/// list is too long.
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
