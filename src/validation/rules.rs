//! The types that a field can have, read as the original reads them (`protocol.md` §3). A rule also
//! knows its schema.

mod datetime;
mod integer;
mod states;
mod uuids;

use std::collections::BTreeMap;
use std::marker::PhantomData;

use channelstream_actors::protocol::message::Payload;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ObjectBuilder, Type,
};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

pub use self::datetime::datetime;
pub use self::integer::history_size;
pub use self::states::{state, state_value_not_null};
pub use self::uuids::{parse_uuid, uuid, uuid_schema};
use super::body::Facts;
use super::describer::describe;
use super::errors::{Errors, Kind};
use super::fields::Table;
use super::reader::{Reader, entries, not_null};

/// The schemas that others refer to, by name.
pub type Components = Vec<(String, RefOr<Schema>)>;

/// A rule says how a value is read, and knows the schema of such values.
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
        Mapped {
            rule: self,
            map,
            of: PhantomData,
        }
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

/// Makes a rule of two functions.
fn by<T>(
    read: impl Fn(&RawValue) -> Result<T, Errors>,
    schema: impl Fn(&mut Components) -> RefOr<Schema>,
) -> impl Rule<T> {
    By(read, schema)
}

/// Makes a rule whose schema is a component, under a name of its own.
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
    serde_json::from_str(value.get())
        .map_err(|_| Errors::wrong_kind("Not a valid string.", "text is needed here", value))
}

/// Reads text of any length.
pub fn any_text() -> impl Rule<String> {
    by(text, |_| {
        ObjectBuilder::new().schema_type(Type::String).into()
    })
}

/// Reads text of 1 to `longest` characters, as a name.
pub fn name<T: From<Name>>(longest: usize) -> impl Rule<T> {
    by(
        move |value: &RawValue| {
            let text = text(value)?;
            if (1..=longest).contains(&text.chars().count()) {
                Ok(T::from(Name(text)))
            } else {
                Err(Errors::message(format!(
                    "Length must be between 1 and {longest}."
                )))
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

/// Text that has passed [`name`].
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

/// Reads a list, each item by `rule`.
pub fn list<T>(rule: impl Rule<T>) -> impl Rule<Vec<T>> {
    List { rule, least: 0 }
}

/// Reads a list with at least one item.
pub fn filled_list<T>(rule: impl Rule<T>) -> impl Rule<Vec<T>> {
    List { rule, least: 1 }
}

struct List<R> {
    rule: R,
    least: usize,
}

impl<T, R: Rule<T>> Rule<Vec<T>> for List<R> {
    fn read(&self, value: &RawValue) -> Result<Vec<T>, Errors> {
        let items: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|_| {
            Errors::wrong_kind(
                "Not a valid list.",
                "a JSON list is needed here, also for a single value",
                value,
            )
        })?;
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
            return Err(Errors::message(format!(
                "Shorter than minimum length {}.",
                self.least
            )));
        }
        Ok(list)
    }

    fn schema(&self, components: &mut Components) -> RefOr<Schema> {
        let list = ArrayBuilder::new().items(self.rule.schema(components));
        list.min_items((self.least > 0).then_some(self.least))
            .into()
    }
}

/// Reads an object with any keys, each value by `rule`, which also sees null.
fn mapping<T>(
    value: &RawValue,
    rule: impl Fn(&RawValue) -> Result<T, Errors>,
) -> Result<BTreeMap<String, T>, Errors> {
    let entries = entries(value).ok_or_else(|| {
        Errors::wrong_kind(
            "Not a valid mapping type.",
            "a JSON object is needed here",
            value,
        )
    })?;
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
    ObjectBuilder::new()
        .additional_properties(Some(AdditionalProperties::RefOr(values)))
        .into()
}

/// Reads the application's object, of at most `limit` bytes, and keeps it as it stands.
pub fn payload(limit: usize) -> impl Rule<Payload> {
    by_component(
        move |value: &RawValue| {
            let size = value.get().len();
            if Kind::of(value) != Kind::Object {
                Err(Errors::wrong_kind(
                    "Not a valid mapping type.",
                    "a JSON object is needed here",
                    value,
                ))
            } else if size > limit {
                Err(Errors::message(format!(
                    "Longer than maximum size {limit} bytes (message_limit); got {size}."
                )))
            } else {
                Ok(Payload::from(value.to_owned()))
            }
        },
        "Payload",
        Payload::schema,
    )
}

/// Reads an object whose values are objects of one table. Null is not an object.
pub fn mapping_of<T: Table + ToSchema>() -> impl Rule<BTreeMap<String, T::Value>> {
    by(
        |value: &RawValue| mapping(value, |value| not_null(value, &object::<T>())),
        |components| mapping_schema(object::<T>().schema(components)),
    )
}

/// Reads a boolean, also in the spellings that the original takes. The description says that an
/// absent one is `default`.
pub fn boolean(default: bool) -> impl Rule<bool> {
    let name = if default { "FlagOn" } else { "FlagOff" };
    by_component(read_boolean, name, move || {
        let of = |kind| ObjectBuilder::new().schema_type(kind);
        let about = format!(
            "A boolean, also as a number or as text, which is {default} where it is absent."
        );
        AnyOfBuilder::new()
            .item(of(Type::Boolean))
            .item(of(Type::Integer).minimum(Some(0)).maximum(Some(1)))
            .item(
                of(Type::String).pattern(Some("^(t|T|true|True|TRUE|1|f|F|false|False|FALSE|0)$")),
            )
            .description(Some(about))
            .default(Some(default.into()))
            .into()
    })
}

fn read_boolean(value: &RawValue) -> Result<bool, Errors> {
    let number = || value.get().parse::<f64>().ok();
    match value.get() {
        "true" | "\"t\"" | "\"T\"" | "\"true\"" | "\"True\"" | "\"TRUE\"" | "\"1\"" => Ok(true),
        "false" | "\"f\"" | "\"F\"" | "\"false\"" | "\"False\"" | "\"FALSE\"" | "\"0\"" => {
            Ok(false)
        }
        _ if number() == Some(1.0) => Ok(true),
        _ if number() == Some(0.0) => Ok(false),
        _ => Err(Errors::message("Not a valid boolean.")),
    }
}

/// Reads a nested object, whose rules look at nothing else.
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
