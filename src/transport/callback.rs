//! The query parameter `callback` of a long-poll, for pages that can only load scripts.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter as Description, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::validation::parameters::Parameter;

/// The longest name of a function, in bytes.
const LONGEST_CALLBACK: usize = 128;

/// The name of a function that wraps the answer: identifiers joined by dots, where each may have
/// indexes, such as `app.callbacks[0]`. An empty name counts as absent.
pub const CALLBACK: Parameter<String> = Parameter {
    name: "callback",
    about: "The name of a function, at most 128 characters. The answer is then a script that \
            calls this function with the list.",
    read: parse_callback,
    wrong: "callback is not an identifier",
    schema: || {
        let pattern =
            r"^([A-Za-z_$][A-Za-z0-9_$]*(\[[0-9]+\])*(\.[A-Za-z_$][A-Za-z0-9_$]*(\[[0-9]+\])*)*)?$";
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(LONGEST_CALLBACK))
            .pattern(Some(pattern))
            .into()
    },
};

/// The description of [`CALLBACK`].
pub(super) struct CallbackParams;

impl IntoParams for CallbackParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Description> {
        vec![CALLBACK.optional()]
    }
}

fn parse_callback(name: &str) -> Option<String> {
    let is_identifier = |part: &str| {
        let is_letter = |letter: char| {
            letter.is_ascii_alphanumeric()
                || letter == '_'
                || letter == '$'
                || cfg!(feature = "planted-faults") && letter == '('
        };
        part.chars().all(is_letter)
            && part
                .chars()
                .next()
                .is_some_and(|first| !first.is_ascii_digit())
    };
    let is_index = |part: &str| {
        part.strip_suffix(']').is_some_and(|index| {
            !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let is_part = |part: &str| {
        let mut pieces = part.split('[');
        pieces.next().is_some_and(is_identifier) && pieces.all(is_index)
    };
    (name.is_empty() || name.len() <= LONGEST_CALLBACK && name.split('.').all(is_part))
        .then(|| name.to_owned())
}
