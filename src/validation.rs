//! The validation of requests: turns bytes into typed requests, in one place (`protocol.md` §3).
//!
//! [`body`] hands the JSON of a body to the request's table. A table ([`fields`]) names an object's
//! fields with their rules ([`rules`]), defaults, descriptions and examples. [`reader`] reads an
//! object by its table and collects all errors, and [`describer`] writes the schema of the table.
//! [`parameters`] does the same for queries. [`errors`] is the tree of errors that becomes the
//! answer. Before the extractor (`extractors/body.rs`) answers with errors, it asks the broker
//! whether connections and users exist, so that their errors stand beside the other errors.

pub mod body;
mod boolean;
pub mod depth;
pub mod describer;
pub mod errors;
pub mod facts;
pub mod fields;
pub mod json;
pub mod parameters;
mod query;
pub mod reader;
pub mod rule;
pub mod rules;

pub use self::query::query;
