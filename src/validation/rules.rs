//! The types that a field can have. A rule for each type reads values as the original server does
//! (`protocol.md` §3), and knows the schema of the values.

mod bounds;
mod datetime;
mod integer;
mod lists;
mod mappings;
mod objects;
mod states;
mod texts;
mod uuids;

pub use self::bounds::bounded;
pub use self::datetime::datetime;
pub use self::integer::history_size;
pub use self::lists::{list, non_empty_list};
pub use self::mappings::payload;
pub use self::objects::{mapping_of, object};
pub use self::states::{state, state_value_not_null};
pub use self::texts::{CHANNEL, Name, USER, any_text, name};
pub use self::uuids::{parse_uuid, uuid, uuid_schema};
