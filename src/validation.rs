//! From bytes to typed requests, in one place (`protocol.md` §3).
//!
//! [`body`] hands the JSON of a body to the request's table. A table ([`fields`]) names an object's
//! fields with their rules ([`rules`]), defaults, descriptions and examples; [`reader`] takes an
//! object apart by it and collects all that is wrong, and [`describer`] writes its schema.
//! [`parameters`] does the same for queries. [`errors`] is the tree that becomes the answer. The
//! extractor (`extractors/body.rs`) asks the broker whether connections and users exist before it
//! answers, so that this stands beside the other errors.

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
