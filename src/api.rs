//! A file per endpoint: the request type and its rules, the handler, the answer. Handlers know the broker only.

pub mod channel_config;
pub mod connect;
pub mod delete;
pub mod disconnect;
pub mod edit;
pub mod health;
pub mod info;
pub mod message;
pub mod subscribe;
pub mod unsubscribe;
pub mod user_state;

use channelstream_actors::name::{ChannelName, UserName};
use channelstream_actors::protocol::message::Address;

use crate::validation::fields::Fields;
use crate::validation::rules::{CHANNEL, USER, boolean, list, name};

/// Where a message, edit or deletion goes: fields they all have.
fn address(fields: &mut Fields<'_>) -> Option<Address> {
    let pm_users = fields.or("pm_users", Vec::new, list(name::<UserName>(USER)));
    let exclude_users = fields.or("exclude_users", Vec::new, list(name::<UserName>(USER)));
    let channel = fields.nullable("channel", name::<ChannelName>(CHANNEL));
    let no_history = fields.or("no_history", || false, boolean);
    Some(Address { pm_users: pm_users?, exclude_users: exclude_users?, channel: channel?, no_history: no_history? })
}
