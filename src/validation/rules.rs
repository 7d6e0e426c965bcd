//! The types a field can have, read as the original reads them (`protocol.md` §3). Each rule knows its schema, for the description.

mod datetime;
mod integer;

use std::collections::BTreeMap;
use std::marker::PhantomData;

use channelstream_actors::protocol::message::Payload;
use channelstream_actors::protocol::state::{Number, StateValue};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, ArrayBuilder, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

pub use self::datetime::datetime;
pub use self::integer::history_size;
use super::body::Facts;
use super::describer::describe;
use super::errors::{Errors, Kind};
use super::fields::Table;
use super::reader::{Reader, entries, not_null};

/// The schemas that others refer to, by name.
pub type Components = Vec<(String, RefOr<Schema>)>;

/// How a value is read, and what it looks like.
pub trait Rule<T>: Sized {
    /// Reads a value that is not null.
    ///
    /// # Errors
    /// Returns what is wrong with it.
    fn read(&self, value: &RawValue) -> Result<T, Errors>;

    /// Returns the schema of the values that are read.
    fn schema(&self, components: &mut Components) -> RefOr<Schema>;

    /// Turns what is read into something else.
    fn map<U>(self, map: impl Fn(T) -> U) -> impl Rule<U> {
        Mapped { rule: self, map, of: PhantomData }
    }
}

struct Mapped<R, F, T> {
    rule: R,
    map: F,
    of: PhantomData<T>,
}

impl<T, U, R: Rule<T>, F: Fn(T) -> U> Rule<U> for Mapped<R, F, T> {
    fn read(&self, value: &RawValue) -> Result<U, Errors> {
        self.rule.read(value).map(&self.map)
    }

    fn schema(&self, components: &mut Components) -> RefOr<Schema> {
        self.rule.schema(components)
    }
}

struct By<R, S>(R, S);

impl<T, R, S> Rule<T> for By<R, S>
where
    R: Fn(&RawValue) -> Result<T, Errors>,
    S: Fn(&mut Components) -> RefOr<Schema>,
{
    fn read(&self, value: &RawValue) -> Result<T, Errors> {
        (self.0)(value)
    }

    fn schema(&self, components: &mut Components) -> RefOr<Schema> {
        (self.1)(components)
    }
}

/// A rule of two functions.
fn by<T>(read: impl Fn(&RawValue) -> Result<T, Errors>, schema: impl Fn(&mut Components) -> RefOr<Schema>) -> impl Rule<T> {
    By(read, schema)
}

/// A rule whose schema stands under a name of its own.
fn by_component<T>(
    read: impl Fn(&RawValue) -> Result<T, Errors>,
    name: &'static str,
    schema: impl Fn() -> RefOr<Schema>,
) -> impl Rule<T> {
    by(read, move |components| {
        components.push((name.to_owned(), schema()));
        Ref::from_schema_name(name).into()
    })
}

fn text(value: &RawValue) -> Result<String, Errors> {
    serde_json::from_str(value.get()).map_err(|_| Errors::of_kind("Not a valid string.", "text is needed here", value))
}

/// Text of any length.
pub fn any_text() -> impl Rule<String> {
    by(text, |_| ObjectBuilder::new().schema_type(Type::String).into())
}

/// Text of 1 to `longest` characters, as a name.
pub fn name<T: From<Name>>(longest: usize) -> impl Rule<T> {
    by(
        move |value: &RawValue| {
            let text = text(value)?;
            if (1..=longest).contains(&text.chars().count()) {
                Ok(T::from(Name(text)))
            } else {
                Err(Errors::message(format!("Length must be between 1 and {longest}.")))
            }
        },
        move |_| ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(longest)).into(),
    )
}

/// A text that has passed [`name`].
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

/// The longest name of a user.
pub const USER: usize = 512;
/// The longest name of a channel or a state key.
pub const CHANNEL: usize = 256;

/// A UUID in any spelling Python reads: upper case, without dashes, in braces, `urn:uuid:`.
pub fn uuid<T: From<Uuid>>() -> impl Rule<T> {
    by(
        |value: &RawValue| {
            let text = text(value).ok();
            text.and_then(|text| parse_uuid(&text)).map(T::from).ok_or_else(|| Errors::message("Not a valid UUID."))
        },
        |_| uuid_schema(),
    )
}

/// The schema of a UUID.
pub fn uuid_schema() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::Custom("uuid".to_owned()))).into()
}

/// See [`uuid()`].
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    let bare = text.replace("urn:", "").replace("uuid:", "");
    let digits: String = bare.trim_matches(['{', '}']).chars().filter(|letter| *letter != '-').collect();
    if digits.len() != 32 {
        return None;
    }
    Uuid::try_parse(&digits).ok()
}

/// A list, each item by `rule`.
pub fn list<T>(rule: impl Rule<T>) -> impl Rule<Vec<T>> {
    List { rule, least: 0 }
}

/// A list with at least one item.
pub fn filled_list<T>(rule: impl Rule<T>) -> impl Rule<Vec<T>> {
    List { rule, least: 1 }
}

struct List<R> {
    rule: R,
    least: usize,
}

impl<T, R: Rule<T>> Rule<Vec<T>> for List<R> {
    fn read(&self, value: &RawValue) -> Result<Vec<T>, Errors> {
        let items: Vec<&RawValue> = serde_json::from_str(value.get())
            .map_err(|_| Errors::of_kind("Not a valid list.", "a JSON list is needed here, also for a single value", value))?;
        let mut errors = Errors::none();
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match not_null(item, &self.rule) {
                Ok(item) => list.push(item),
                Err(wrong) => errors.add(index.to_string(), wrong),
            }
        }
        errors.into_result()?;
        if list.len() < self.least {
            return Err(Errors::message(format!("Shorter than minimum length {}.", self.least)));
        }
        Ok(list)
    }

    fn schema(&self, components: &mut Components) -> RefOr<Schema> {
        let list = ArrayBuilder::new().items(self.rule.schema(components));
        list.min_items((self.least > 0).then_some(self.least)).into()
    }
}

/// An object with any keys, each value by `rule`, which also sees null.
fn mapping<T>(value: &RawValue, rule: impl Fn(&RawValue) -> Result<T, Errors>) -> Result<BTreeMap<String, T>, Errors> {
    let entries =
        entries(value).ok_or_else(|| Errors::of_kind("Not a valid mapping type.", "a JSON object is needed here", value))?;
    let mut errors = Errors::none();
    let mut map = BTreeMap::new();
    for (key, value) in entries {
        match rule(value) {
            Ok(value) => drop(map.insert(key.into_owned(), value)),
            Err(wrong) => errors.add(key, Errors::part("value", wrong)),
        }
    }
    errors.into_result().map(|()| map)
}

fn mapping_schema(values: RefOr<Schema>) -> RefOr<Schema> {
    ObjectBuilder::new().additional_properties(Some(AdditionalProperties::RefOr(values))).into()
}

/// A user's values.
pub fn state() -> impl Rule<BTreeMap<String, StateValue>> {
    by(|value: &RawValue| mapping(value, read_state_value), |components| mapping_schema(state_value().schema(components)))
}

/// One state value: text, number, boolean or null.
fn state_value() -> impl Rule<StateValue> {
    by_component(read_state_value, "StateValue", StateValue::schema)
}

/// One state value in a field that may not be null.
pub fn state_value_not_null() -> impl Rule<StateValue> {
    by(read_state_value, |_| {
        let types = [Type::String, Type::Number, Type::Boolean];
        ObjectBuilder::new().schema_type(SchemaType::from_iter(types)).into()
    })
}

fn read_state_value(value: &RawValue) -> Result<StateValue, Errors> {
    match Kind::of(value) {
        Kind::Null => Ok(StateValue::Null),
        Kind::Boolean => Ok(StateValue::Bool(value.get() == "true")),
        Kind::Text => text(value).map(|text| StateValue::Text(text.into())),
        Kind::Number => Ok(StateValue::Number(Number::new(value))),
        Kind::List | Kind::Object => Err(Errors::message("Value is not type of string, integer, boolean or float.")),
    }
}

/// The application's object, kept as it stands, of at most `limit` bytes.
pub fn payload(limit: usize) -> impl Rule<Payload> {
    by_component(
        move |value: &RawValue| {
            let size = value.get().len();
            if Kind::of(value) != Kind::Object {
                Err(Errors::of_kind("Not a valid mapping type.", "a JSON object is needed here", value))
            } else if size > limit {
                Err(Errors::message(format!("Longer than maximum size {limit} bytes (message_limit); got {size}.")))
            } else {
                Ok(Payload::from(value.to_owned()))
            }
        },
        "Payload",
        Payload::schema,
    )
}

/// Objects of one table, by key. Null is not an object.
pub fn mapping_of<T: Table + ToSchema>() -> impl Rule<BTreeMap<String, T::Value>> {
    by(
        |value: &RawValue| mapping(value, |value| not_null(value, &object::<T>())),
        |components| mapping_schema(object::<T>().schema(components)),
    )
}

/// A boolean, also in the spellings the original takes; `default` where it is absent.
pub fn boolean(default: bool) -> impl Rule<bool> {
    let name = if default { "FlagOn" } else { "FlagOff" };
    by_component(read_boolean, name, move || {
        let of = |kind| ObjectBuilder::new().schema_type(kind);
        let about = format!("A boolean, also as a number or as text, which is {default} where it is absent.");
        AnyOfBuilder::new()
            .item(of(Type::Boolean))
            .item(of(Type::Integer).minimum(Some(0)).maximum(Some(1)))
            .item(of(Type::String).pattern(Some("^(t|T|true|True|TRUE|1|f|F|false|False|FALSE|0)$")))
            .description(Some(about))
            .default(Some(default.into()))
            .into()
    })
}

fn read_boolean(value: &RawValue) -> Result<bool, Errors> {
    let number = || value.get().parse::<f64>().ok();
    match value.get() {
        "true" | "\"t\"" | "\"T\"" | "\"true\"" | "\"True\"" | "\"TRUE\"" | "\"1\"" => Ok(true),
        "false" | "\"f\"" | "\"F\"" | "\"false\"" | "\"False\"" | "\"FALSE\"" | "\"0\"" => Ok(false),
        _ if number() == Some(1.0) => Ok(true),
        _ if number() == Some(0.0) => Ok(false),
        _ => Err(Errors::message("Not a valid boolean.")),
    }
}

/// A nested object. Its rules look at nothing but the object.
pub fn object<T: Table + ToSchema>() -> impl Rule<T::Value> {
    by(
        |value: &RawValue| {
            let facts = Facts::default();
            let mut fields = Reader::new(value, &facts)?;
            let object = T::walk(&mut fields);
            object.ok_or_else(|| fields.into_findings().0)
        },
        |components| {
            let described = describe::<T>();
            components.extend(described.components);
            components.push((T::name().into_owned(), described.schema));
            Ref::from_schema_name(T::name()).into()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_read_in_any_spelling() {
        let plain = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
        for text in [
            plain,
            "7D4448409DC011D1B2455FFDCE74FAD2",
            "{7d444840-9dc0-11d1-b245-5ffdce74fad2}",
            "urn:uuid:7d444840-9dc0-11d1-b245-5ffdce74fad2",
        ] {
            assert_eq!(parse_uuid(text).unwrap().to_string(), plain);
        }
        assert_eq!(parse_uuid("7d444840"), None);
    }
}
