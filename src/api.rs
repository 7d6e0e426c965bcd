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

use utoipa::ToSchema;

use crate::validation::fields::Fields;
use crate::validation::rules::{CHANNEL, USER, boolean, list, name};

/// Where it goes: to a channel, to users, or to some users of a channel.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says what a body looks like; it is read field by field into an `Address`")]
struct MessageAddress {
    /// 1 to 256 characters.
    #[schema(example = "news")]
    channel: Option<String>,
    /// Only these users; without a channel, all their connections.
    #[schema(required = false, example = json!([]))]
    pm_users: Vec<String>,
    /// All but these users of the channel.
    #[schema(required = false, example = json!([]))]
    exclude_users: Vec<String>,
    /// Keep it out of the history.
    #[schema(required = false, default = false)]
    no_history: bool,
}

/// Where a message, edit or deletion goes: fields they all have.
fn address(fields: &mut Fields<'_>) -> Option<Address> {
    let pm_users = fields.or("pm_users", Vec::new, list(name::<UserName>(USER)));
    let exclude_users = fields.or("exclude_users", Vec::new, list(name::<UserName>(USER)));
    let channel = fields.nullable("channel", name::<ChannelName>(CHANNEL));
    let no_history = fields.or("no_history", || false, boolean);
    Some(Address { pm_users: pm_users?, exclude_users: exclude_users?, channel: channel?, no_history: no_history? })
}
