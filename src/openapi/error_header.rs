//! Describes the header that names the error of an answer.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{OpenApi, Ref, RefOr};

use crate::error_name::ErrorName;

/// The header as the description writes it.
const HEADER: &str = "X-Channelstream-Error";

/// The name of the schema that lists all names of errors.
const SCHEMA: &str = "ErrorName";

/// Adds the list of all names of errors to the schemas of the description.
pub(super) fn add_schema(description: &mut OpenApi) {
    let names = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "The name of an error. The error catalogue of the documentation has a section with \
             this title.",
        ))
        .enum_values(Some(ErrorName::all().map(ErrorName::as_str)));
    let components = description.components.get_or_insert_default();
    let schema = RefOr::T(Schema::Object(names.build()));
    components.schemas.insert(SCHEMA.to_owned(), schema);
}

/// Adds the header to the answers of a call that say why the call was not done.
pub(super) fn add_header(call: &mut Operation) {
    for (status, answer) in &mut call.responses.responses {
        let RefOr::T(answer) = answer else { continue };
        if status == "302" || status.starts_with(['4', '5']) {
            let header = describe(status);
            answer.headers.insert(HEADER.to_owned(), header.into());
        }
    }
}

fn describe(status: &str) -> Header {
    let about = match status {
        "400" => "The name of the error. It is absent if the request is not HTTP.",
        _ => "The name of the error, as in the error catalogue of the documentation.",
    };
    HeaderBuilder::new()
        .schema(Some(Ref::from_schema_name(SCHEMA)))
        .description(Some(about))
        .build()
}
