//! A user's state: named values, some of which others may see.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A state value. Values of different types are different, and so are numbers that are written
/// differently: `1`, `1.0` and `true` are three values (`protocol.md` §12).
#[derive(Clone, Debug, PartialEq)]
pub enum StateValue {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as the caller wrote it.
    Number(Number),
    /// A text.
    Text(Box<str>),
}

impl PartialSchema for StateValue {
    fn schema() -> RefOr<Schema> {
        let types = [Type::String, Type::Number, Type::Boolean, Type::Null];
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter(types))
            .description(Some(
                "A value of a user's state: text, a number, a boolean or null.",
            ))
            .into()
    }
}

impl ToSchema for StateValue {}

impl StateValue {
    /// Reads a value from its JSON; `None` if it is a list, an object, or a text that is not valid
    /// Unicode.
    pub fn from_json(raw: &RawValue) -> Option<Self> {
        match raw.get().as_bytes().first()? {
            b'n' => Some(Self::Null),
            b't' => Some(Self::Bool(true)),
            b'f' => Some(Self::Bool(false)),
            b'"' => serde_json::from_str(raw.get()).ok().map(Self::Text),
            b'-' | b'0'..=b'9' => Some(Self::Number(Number::new(raw))),
            _ => None,
        }
    }

    /// Returns the approximate number of bytes that the value takes.
    pub fn size(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 1,
            Self::Number(Number(raw)) => raw.get().len(),
            Self::Text(text) => text.len(),
        }
    }
}

/// A JSON number that keeps its spelling, however large or precise.
#[derive(Clone, Debug)]
pub struct Number(Box<RawValue>);

impl Number {
    /// Takes the raw JSON of a number.
    pub fn new(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Serialize for StateValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(Number(raw)) => raw.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// A user's whole state, or the public part of it. It is shared with channels and answers.
pub type State = Arc<BTreeMap<String, StateValue>>;

/// A changed value of a user's state.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Change {
    /// The key of the value that changed.
    pub key: String,
    /// The value that the key has now.
    pub value: StateValue,
}

/// A user with the state that the reader may see.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct UserState {
    /// The name of the present user.
    pub user: crate::name::UserName,
    /// The user's whole state, or only the public part if the reader may see no more.
    #[schema(value_type = BTreeMap<String, StateValue>)]
    pub state: State,
}
