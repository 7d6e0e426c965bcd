//! The fields that say who gets a message. Messages, edits and deletions all have these fields.

use channelstream_actors::name::{ChannelName, UserName};
use channelstream_actors::protocol::message::Address;

use crate::validation::fields::{Fields, field};
use crate::validation::rules::{CHANNEL, USER, bounded, list, name};

/// Visits the fields that make up an [`Address`].
pub(super) fn address(fields: &mut impl Fields) -> Option<Address> {
    const CHANNEL_FIELD: &str = "The channel that gets the message. If it is null or absent, the \
                                 message is private: only the users in `pm_users` get it.";
    const PM_USERS: &str = "The users who get the message. With a channel, they get it only on \
                            their connections in that channel. Without a channel, they get it on \
                            all their connections.";
    const EXCLUDE_USERS: &str = "The names of users of the channel who do not get the message.";
    const NO_HISTORY: &str = "Set to true to keep the message out of the channel's history.";
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
