//! Text and names.

use serde_json::value::RawValue;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::error_name::ErrorName;
use crate::validation::errors::Errors;
use crate::validation::rule::{Rule, make_rule, text};

/// Reads text of any length.
pub fn any_text() -> impl Rule<String> {
    make_rule(text, |_| {
        ObjectBuilder::new().schema_type(Type::String).into()
    })
}

/// Reads a name: text of 1 to `longest` characters.
pub fn name<T: From<Name>>(longest: usize) -> impl Rule<T> {
    make_rule(
        move |value: &RawValue| {
            let text = text(value)?;
            if (1..=longest).contains(&text.chars().count()) {
                Ok(T::from(Name(text)))
            } else {
                Err(Errors::message(
                    ErrorName::WrongLength,
                    format!("Length must be between 1 and {longest}."),
                ))
            }
        },
        move |_| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(longest))
                .into()
        },
    )
}

/// A text that has passed the rule [`name`].
#[derive(Debug)]
pub struct Name(String);

impl From<Name> for String {
    fn from(Name(text): Name) -> Self {
        text
    }
}

impl From<Name> for channelstream_actors::name::UserName {
    fn from(Name(text): Name) -> Self {
        Self::new(text)
    }
}

impl From<Name> for channelstream_actors::name::ChannelName {
    fn from(Name(text): Name) -> Self {
        Self::new(text)
    }
}

/// The maximum length of a user's name, in characters.
pub const USER: usize = 512;
/// The maximum length of the name of a channel or a state key, in characters.
pub const CHANNEL: usize = 256;
