//! The requests of the demo's page, and their checks.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::DemoError;
use super::member::{PREFIX, is_of_demo};

/// The channels of the demo. Each has a different configuration.
const CHANNELS: [&str; 3] = ["demo:lobby", "demo:ideas", "demo:quiet"];

/// The keys of a member's state that others may see.
pub(super) const PUBLIC_KEYS: [&str; 2] = ["color", "status"];

/// The longest name, in characters.
const LONGEST_NAME: usize = 256;
/// The longest text of a message, in characters.
const LONGEST_TEXT: usize = 1000;

/// Returns the configurations of the demo's channels.
pub(super) fn channel_configs() -> Value {
    let lively = |history_size: u32| {
        json!({"notify_presence": true, "notify_state": true,
               "broadcast_presence_with_user_lists": true,
               "store_history": true, "history_size": history_size})
    };
    let quiet = json!({"notify_presence": false, "store_history": false});
    json!({"demo:lobby": lively(50), "demo:ideas": lively(20), "demo:quiet": quiet})
}

/// Checks that all channels belong to the demo.
///
/// # Errors
/// Fails when a channel does not belong to the demo. The error names the first such channel.
pub(super) fn refuse_other_channels(channels: &[String]) -> Result<(), DemoError> {
    match channels
        .iter()
        .find(|channel| !CHANNELS.contains(&channel.as_str()))
    {
        Some(other) => Err(DemoError::Invalid(format!(
            "The demo has no channel {other:?}. Its channels are {}.",
            CHANNELS.join(", ")
        ))),
        None => Ok(()),
    }
}

/// Returns the public values of a state, without values of more than 40 characters.
pub(super) fn filter_public(state: &Value) -> Value {
    let text = |key: &&str| {
        let text = state.get(*key)?.as_str()?;
        (text.chars().count() <= 40).then(|| ((*key).to_owned(), Value::from(text)))
    };
    Value::Object(PUBLIC_KEYS.iter().filter_map(text).collect())
}

/// A request to join the chat, or to come back to it.
#[derive(Deserialize)]
pub(super) struct JoinRequest {
    /// The name of the user, without the prefix.
    pub(super) username: String,
    #[serde(default)]
    pub(super) channels: Vec<String>,
    #[serde(default)]
    pub(super) state: Value,
    /// The token of a user who joined before and comes back. Empty for a new user.
    #[serde(default)]
    pub(super) token: String,
}

/// A request to subscribe a connection to channels, or to unsubscribe it.
#[derive(Deserialize)]
pub(super) struct ChannelsRequest {
    pub(super) conn_id: Uuid,
    pub(super) channels: Vec<String>,
    pub(super) token: String,
}

/// A request to set values in a member's state.
#[derive(Deserialize)]
pub(super) struct StateRequest {
    pub(super) update_state: Value,
    pub(super) token: String,
}

/// A request to publish, edit or delete a message to a channel or to one user.
#[derive(Deserialize)]
pub(super) struct DemoMessage {
    #[serde(default)]
    pub(super) uuid: Uuid,
    pub(super) channel: Option<String>,
    pub(super) to: Option<String>,
    #[serde(default)]
    pub(super) text: String,
    pub(super) token: String,
}

impl DemoMessage {
    /// Returns the destination of the message: the fields `channel` and `pm_users` of a call.
    ///
    /// # Errors
    /// Fails when the channel or the user does not belong to the demo.
    pub(super) fn destination(&self, user: &str) -> Result<Value, DemoError> {
        match (&self.channel, &self.to) {
            (Some(channel), None) => refuse_other_channels(std::slice::from_ref(channel))
                .map(|()| json!({"channel": channel})),
            (None, Some(to)) if is_of_demo(to) => Ok(json!({"pm_users": [user, to]})),
            (None, Some(to)) => Err(DemoError::Invalid(format!(
                "The demo has no user {to:?}. The names of its users begin with \"{PREFIX}\"."
            ))),
            _ => Err(DemoError::Invalid(
                "A message needs either a channel of the demo or a user.".to_owned(),
            )),
        }
    }

    /// Returns the content of the message, the field `message` of a call.
    ///
    /// # Errors
    /// Fails when the text is empty or too long.
    pub(super) fn content(&self) -> Result<Value, DemoError> {
        let text = self.text.trim();
        if text.is_empty() || text.chars().count() > LONGEST_TEXT {
            return Err(DemoError::Invalid(format!(
                "A message must have 1 to {LONGEST_TEXT} characters."
            )));
        }
        Ok(json!({"text": text, "to": self.to}))
    }
}

impl JoinRequest {
    /// Returns the full name of the user.
    ///
    /// # Errors
    /// Fails when the name is empty or too long.
    pub(super) fn user(&self) -> Result<String, DemoError> {
        let name = self.username.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            return Err(DemoError::Invalid(format!(
                "A name must have 1 to {LONGEST_NAME} characters."
            )));
        }
        Ok(format!("{PREFIX}{name}"))
    }
}
