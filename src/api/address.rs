//! Who gets a message: the fields that messages, edits and deletions have in common.

use channelstream_actors::name::{ChannelName, UserName};
use channelstream_actors::protocol::message::Address;

use crate::validation::fields::{Fields, field};
use crate::validation::rules::{CHANNEL, USER, bounded, list, name};

/// Walks over the fields of an address.
pub(super) fn address(fields: &mut impl Fields) -> Option<Address> {
    const CHANNEL_FIELD: &str =
        "The channel that gets it. Null or absent, it is private, for `pm_users` only.";
    const PM_USERS: &str = "The recipients. They get it in the channel only, or on all their connections if there is no channel.";
    const EXCLUDE_USERS: &str = "The users of the channel who do not get it.";
    const NO_HISTORY: &str = "True keeps it out of the channel's history.";
    let most = fields.facts().limits.recipients;
    let pm_users = fields.or_empty(
        field("pm_users", PM_USERS),
        bounded(list(name::<UserName>(USER)), most, Vec::len),
    );
    let exclude_users = fields.or_empty(
        field("exclude_users", EXCLUDE_USERS),
        bounded(list(name::<UserName>(USER)), most, Vec::len),
    );
    let channel = fields.nullable(
        field("channel", CHANNEL_FIELD).example(r#""news""#),
        name::<ChannelName>(CHANNEL),
    );
    let no_history = fields.flag(field("no_history", NO_HISTORY), false);
    Some(Address {
        pm_users: pm_users?,
        exclude_users: exclude_users?,
        channel,
        no_history: no_history?,
    })
}
