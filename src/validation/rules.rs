//! The types that a field can have, read as the original reads them (`protocol.md` §3). A rule also
//! knows its schema.

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
pub use self::lists::{filled_list, list};
pub use self::mappings::payload;
pub use self::objects::{mapping_of, object};
pub use self::states::{state, state_value_not_null};
pub use self::texts::{CHANNEL, Name, USER, any_text, name};
pub use self::uuids::{parse_uuid, uuid, uuid_schema};
