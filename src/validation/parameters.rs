//! The parameters of queries and headers: for each, its reader and its description in one place.

use std::collections::BTreeMap;

use channelstream_actors::name::ConnId;
use utoipa::openapi::path::{Parameter as Description, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Required, Schema};

use super::rules::{parse_uuid, uuid_schema};

/// The error about a parameter whose value cannot be read, with the message of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongParameter(pub &'static str);

/// A parameter that is read into a `T`.
pub struct Parameter<T: 'static> {
    /// The key in the query, or the header.
    pub name: &'static str,
    /// The meaning of the parameter, in whole sentences.
    pub about: &'static str,
    /// Reads a value, and returns `None` when it is wrong.
    pub read: fn(&str) -> Option<T>,
    /// The error message about a wrong value.
    pub wrong: &'static str,
    /// The schema of the values.
    pub schema: fn() -> RefOr<Schema>,
}

impl<T> Parameter<T> {
    /// Returns the parameter with its meaning in another call.
    pub const fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// Takes the parameter out of a query.
    ///
    /// # Errors
    /// Fails with [`Self::wrong`] when the value cannot be read.
    pub fn take(&self, query: &mut BTreeMap<String, String>) -> Result<Option<T>, WrongParameter> {
        let Some(text) = query.remove(self.name) else {
            return Ok(None);
        };
        (self.read)(&text)
            .map(Some)
            .ok_or(WrongParameter(self.wrong))
    }

    /// Describes the parameter, which may be absent.
    pub fn optional(&self) -> Description {
        self.describe(ParameterIn::Query, Required::False)
    }

    /// Describes the parameter, which is required.
    pub fn required(&self) -> Description {
        self.describe(ParameterIn::Query, Required::True)
    }

    /// Describes the parameter as a header, which may be absent.
    pub fn header(&self) -> Description {
        self.describe(ParameterIn::Header, Required::False)
    }

    fn describe(&self, place: ParameterIn, required: Required) -> Description {
        let parameter = ParameterBuilder::new().name(self.name).parameter_in(place);
        parameter
            .required(required)
            .description(Some(self.about))
            .schema(Some((self.schema)()))
            .build()
    }
}

/// The parameter by which a query names a connection.
pub const CONN_ID: Parameter<ConnId> = Parameter {
    name: "conn_id",
    about: "The id of the connection, in any usual spelling of a UUID. Anyone who knows it can act \
            as the connection.",
    read: |text| parse_uuid(text).map(ConnId::from),
    wrong: "Wrong UUID format",
    schema: uuid_schema,
};

/// Creates a parameter whose value may be any text.
pub const fn text(name: &'static str, about: &'static str) -> Parameter<String> {
    Parameter {
        name,
        about,
        read: |text| Some(text.to_owned()),
        wrong: "",
        schema: any_text,
    }
}

fn any_text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

/// Returns the schema of a text that must be one of these names.
pub fn one_of(names: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names))
        .into()
}

/// The largest whole number in a query. Generated clients cannot send a larger number.
const LARGEST: usize = isize::MAX.unsigned_abs();

/// Reads a whole number of at least 0.
pub fn read_whole_number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number| *number <= LARGEST)
}

/// Returns the schema of a whole number of at least 0. It is `default` if it is absent.
pub fn whole_number(default: usize) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(0))
        .maximum(Some(isize::MAX))
        .default(Some(default.into()))
        .into()
}
