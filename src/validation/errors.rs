//! The errors of a request, as a tree: `{field: [message, …]}` and its nested forms.
//!
//! The messages are those of the original server (`protocol.md` §3), since callers may compare
//! them. If such a message does not say enough, a hint explains it. The hint is not part of the
//! body: it becomes the header `X-Channelstream-Hint`.

use std::collections::BTreeMap;

use channelstream_actors::limits::{LimitKind, LimitReached};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Type,
};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error_name::ErrorName;

/// The message about a field that is missing.
pub const REQUIRED: &str = "Missing data for required field.";
/// The message about a field that is null.
pub const NULL: &str = "Field may not be null.";

/// The errors of one place in a request, or of the places inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errors {
    /// The messages about this place.
    Messages(Vec<ErrorMessage>),
    /// The errors of the parts of this place, by field name, index or key.
    Parts(BTreeMap<String, Errors>),
}

/// A message about one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorMessage {
    /// The name of the error, which also says which limit was reached.
    name: ErrorName,
    text: String,
    hint: Option<String>,
}

impl Errors {
    /// Creates one message that needs no explanation.
    pub fn message(name: ErrorName, text: impl Into<String>) -> Self {
        Self::Messages(vec![ErrorMessage {
            name,
            text: text.into(),
            hint: None,
        }])
    }

    /// Creates one short message, with a hint that explains it.
    pub fn explained(name: ErrorName, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Messages(vec![ErrorMessage {
            name,
            text: text.into(),
            hint: Some(hint.into()),
        }])
    }

    /// Creates one message about a limit that was reached.
    pub fn limit(kind: LimitKind, text: impl Into<String>) -> Self {
        Self::message(ErrorName::Limit(kind), text)
    }

    /// Creates a tree without errors.
    pub fn none() -> Self {
        Self::Parts(BTreeMap::new())
    }

    /// Creates the errors of one part.
    pub fn part(name: impl Into<String>, errors: Self) -> Self {
        let mut parts = Self::none();
        parts.add(name, errors);
        parts
    }

    /// Creates the error of a body or nested object that is not an object.
    pub fn not_an_object(value: &RawValue) -> Self {
        Self::wrong_kind_of_whole("Invalid input type.", "must be a JSON object", value)
    }

    /// Creates the error of a body that is not a list.
    pub fn not_a_list(value: &RawValue) -> Self {
        Self::wrong_kind_of_whole(
            "Invalid input type.",
            "must be a JSON list of objects, even for a single object",
            value,
        )
    }

    /// Creates the error of a body or nested object of the wrong kind. `needed` says which kind it
    /// must be.
    pub fn wrong_kind_of_whole(text: &str, needed: &str, value: &RawValue) -> Self {
        let name = ErrorName::WrongBodyType;
        Self::part("_schema", Self::wrong_kind(name, text, needed, value))
    }

    /// Creates the error of a value of the wrong kind. `needed` says which kind it must be.
    pub fn wrong_kind(name: ErrorName, text: &str, needed: &str, value: &RawValue) -> Self {
        Self::explained(
            name,
            text,
            format!("{needed} (got {}).", JsonKind::of(value).name()),
        )
    }

    /// Creates the error of a field that is missing.
    pub fn missing(name: &str, text: &str) -> Self {
        Self::explained(
            ErrorName::MissingField,
            text,
            format!("the key \"{name}\" is missing."),
        )
    }

    /// Returns whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Messages(messages) => messages.is_empty(),
            Self::Parts(parts) => parts.is_empty(),
        }
    }

    /// Adds the errors of a part. Messages about the same part are joined in one list.
    pub fn add(&mut self, name: impl Into<String>, errors: Self) {
        let Self::Parts(parts) = self else { return };
        match (
            parts
                .entry(name.into())
                .or_insert_with(|| Self::Messages(Vec::new())),
            errors,
        ) {
            (Self::Messages(present), Self::Messages(more)) => present.extend(more),
            (present, errors) => *present = errors,
        }
    }

    /// Adds more messages about the same place.
    pub fn append(&mut self, more: Self) {
        if let (Self::Messages(present), Self::Messages(more)) = (self, more) {
            present.extend(more);
        }
    }

    /// Returns these errors, unless there are none.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Returns the first hint of the tree, with the place that the hint is about.
    pub fn hint(&self) -> Option<String> {
        let (path, hint) = self.find_hint()?;
        Some(if path.is_empty() {
            format!("The body: {hint}")
        } else {
            format!("{path}: {hint}")
        })
    }

    /// Returns the name of the tree's first error.
    pub fn error_name(&self) -> Option<ErrorName> {
        match self {
            Self::Messages(messages) => messages.first().map(|message| message.name),
            Self::Parts(parts) => parts.values().find_map(Self::error_name),
        }
    }

    /// Calls `count` for each limit that was reached.
    pub fn count_limits(&self, count: &mut impl FnMut(LimitKind)) {
        match self {
            Self::Messages(messages) => {
                for message in messages {
                    if let ErrorName::Limit(kind) = message.name {
                        count(kind);
                    }
                }
            }
            Self::Parts(parts) => parts.values().for_each(|errors| errors.count_limits(count)),
        }
    }

    fn find_hint(&self) -> Option<(String, &str)> {
        match self {
            Self::Messages(messages) => messages
                .iter()
                .find_map(|message| Some((String::new(), message.hint.as_deref()?))),
            Self::Parts(parts) => parts.iter().find_map(|(name, errors)| {
                let (path, hint) = errors.find_hint()?;
                // The original server's name for an object as a whole.
                let name = if name == "_schema" { "" } else { name };
                let path = [name, &path]
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join(".");
                Some((path, hint))
            }),
        }
    }
}

impl From<LimitReached> for Errors {
    fn from(reached: LimitReached) -> Self {
        Self::limit(reached.kind(), reached.to_string())
    }
}

/// The kinds of JSON values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// Text in quotes.
    Text,
    /// A list in `[]`.
    List,
    /// An object in `{}`.
    Object,
}

impl JsonKind {
    /// Returns the kind of a value, by its first character.
    pub fn of(value: &RawValue) -> Self {
        match value.get().as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::List,
            Some(b'"') => Self::Text,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }
}

impl Serialize for Errors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Messages(messages) => {
                serializer.collect_seq(messages.iter().map(|message| &message.text))
            }
            Self::Parts(parts) => parts.serialize(serializer),
        }
    }
}

impl PartialSchema for Errors {
    fn schema() -> RefOr<Schema> {
        let messages = ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String));
        let inside = Ref::from_schema_name(Self::name());
        let description = "The errors of each field: `{field: [message, …]}`. Errors inside a \
                           list, a mapping or an object have the form \
                           `{field: {index or key: …}}`. Errors of an object as a whole are under \
                           the key `_schema`.";
        ObjectBuilder::new()
            .description(Some(description))
            .additional_properties(Some(AdditionalProperties::RefOr(
                OneOfBuilder::new().item(messages).item(inside).into(),
            )))
            .into()
    }
}

impl ToSchema for Errors {
    fn name() -> std::borrow::Cow<'static, str> {
        "FieldErrors".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_its_place() {
        let object = RawValue::from_string("{}".to_owned()).unwrap();
        let hint =
            "The body: must be a JSON list of objects, even for a single object (got an object).";
        assert_eq!(Errors::not_a_list(&object).hint().as_deref(), Some(hint));
        let nested = Errors::part(
            "0",
            Errors::part(
                "user",
                Errors::missing("user", "Missing data for required field."),
            ),
        );
        assert_eq!(
            nested.hint().as_deref(),
            Some("0.user: the key \"user\" is missing.")
        );
        assert_eq!(
            Errors::message(ErrorName::NotAList, "Not a valid list.").hint(),
            None
        );
    }
}
