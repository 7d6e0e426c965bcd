//! Converts the numbers of operations into the values that brokers take.

use std::collections::HashMap;

use channelstream_actors::core::visible_state::Values;
use channelstream_actors::name::{ChannelName, MessageId, UserName};
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::protocol::message::{self, Address, Payload};
use channelstream_actors::protocol::state::StateValue;
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::operation::{Config, Draft, Recipients};
use crate::side::{channel_name, user_name};

/// Returns the drafts of a call that are published before the call is cut off.
pub(crate) fn done_drafts(drafts: &[Draft], done: usize, first: usize) -> Vec<message::Draft> {
    let mut drafts = numbered(drafts, first);
    drafts.truncate(done);
    drafts
}

pub(crate) fn numbered(drafts: &[Draft], first: usize) -> Vec<message::Draft> {
    let draft = |(number, draft): (usize, &Draft)| message::Draft {
        address: address(&draft.to, draft.no_history),
        uuid: draft.has_id.then(|| given_id(number)),
        timestamp: None,
        user: user_name(draft.sender),
        message: Some(payload(number, None)),
    };
    (first..).zip(drafts).map(draft).collect()
}

pub(crate) fn given_id(number: usize) -> MessageId {
    Uuid::from_u128(0x1000 + number as u128).into()
}

pub(crate) fn payload(number: usize, edit: Option<usize>) -> Payload {
    let object = json!({"n": number, "edit": edit, "text": "x".repeat(number % 4 * 60)});
    RawValue::from_string(object.to_string()).unwrap().into()
}

pub(crate) fn address(recipients: &Recipients, no_history: bool) -> Address {
    let users =
        |users: &[usize]| -> Vec<UserName> { users.iter().copied().map(user_name).collect() };
    match recipients {
        Recipients::Channel {
            channel,
            only,
            except,
        } => Address {
            pm_users: users(only),
            exclude_users: users(except),
            channel: Some(channel_name(*channel)),
            no_history,
        },
        Recipients::Users(to) => Address {
            pm_users: users(to),
            no_history,
            ..Address::default()
        },
    }
}

pub(crate) fn names(channels: &[usize]) -> Vec<ChannelName> {
    channels.iter().copied().map(channel_name).collect()
}

pub(crate) fn key_names(keys: &[usize]) -> Vec<String> {
    keys.iter().map(|key| format!("key-{key}")).collect()
}

pub(crate) fn values(values: &[(usize, u8)]) -> Values {
    let value = |value: u8| match value {
        0 => StateValue::Null,
        1 => StateValue::Bool(true),
        other => StateValue::Text(format!("value-{other}").into()),
    };
    values
        .iter()
        .map(|(key, number)| (format!("key-{key}"), value(*number)))
        .collect()
}

pub(crate) fn channel_config(config: Config) -> ChannelConfig {
    ChannelConfig {
        notify_presence: config.notify_presence,
        store_history: config.store_history,
        history_size: config.history_size,
        broadcast_presence_with_user_lists: config.has_user_lists,
        notify_state: config.notify_state,
        store_frames: config.store_frames,
    }
}

pub(crate) fn configs(
    channels: &[usize],
    config: Option<Config>,
) -> HashMap<ChannelName, ChannelConfig> {
    let config = config.map(channel_config);
    let configs = channels
        .iter()
        .map(|channel| Some((channel_name(*channel), config.clone()?)));
    configs.flatten().collect()
}
