//! The JSON bodies of all calls. The first line of an input names the call, the body follows.

use channelstream::admin::action::ForgetRequest;
use channelstream::api::channel_config::ConfigRequest;
use channelstream::api::connect::ConnectRequest;
use channelstream::api::delete::{DeleteRequest, MessageDeletion};
use channelstream::api::disconnect::DisconnectRequest;
use channelstream::api::edit::{EditRequest, MessagePatch};
use channelstream::api::info::InfoBody;
use channelstream::api::message::{MessageDraft, MessageRequest};
use channelstream::api::subscribe::SubscribeRequest;
use channelstream::api::user_state::{UserStateRequest, UserStatusRequest};
use channelstream::error::ApiError;
use channelstream::fuzzing::check_body;
use channelstream::settings::Settings;
use channelstream::validation::body::{FromBody, list_of};
use channelstream::validation::depth::DEEPEST;
use channelstream::validation::facts::{CallLimits, Facts};
use channelstream_actors::name::{ChannelName, UserName};
use channelstream_actors::protocol::message::{Address, Payload};
use channelstream_actors::protocol::timestamp::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::refusal;
use crate::time_limit::in_linear_time;

/// The largest size of a message in bytes.
const MESSAGE_LIMIT: usize = 64;

/// Asserts that a body is either accepted or refused, that refusals stay within bounds, that blanks
/// change nothing, and that an accepted body keeps the limits and can be written back.
pub(super) fn run(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let (Some(call), Some(body)) = (parts.next(), parts.next()) else {
        return;
    };
    match call {
        b"POST /message" => check_messages::<MessageRequest>(body, check_drafts),
        b"PATCH /message" => check_messages::<EditRequest>(body, check_patches),
        b"DELETE /message" => check_messages::<DeleteRequest>(body, check_deletions),
        b"POST /connect" => drop(check::<ConnectRequest>(body)),
        b"POST /subscribe" => drop(check::<SubscribeRequest>(body)),
        b"POST /user_state" => drop(check::<UserStateRequest>(body)),
        b"POST /user_status" => drop(check::<UserStatusRequest>(body)),
        b"POST /channel_config" => drop(check::<ConfigRequest>(body)),
        b"POST /info" => drop(check::<InfoBody>(body)),
        b"POST /disconnect" => drop(check::<DisconnectRequest>(body)),
        b"POST /admin/forget_channel" => drop(check::<ForgetRequest>(body)),
        _ => {}
    }
}

fn facts() -> Facts {
    Facts {
        conn_id: Some("7d444840-9dc0-11d1-b245-5ffdce74fad2".to_owned()),
        limits: CallLimits::new(&Settings {
            message_limit: MESSAGE_LIMIT,
            channels_per_call: 4,
            messages_per_call: 4,
            recipients_per_message: 4,
            public_keys: 4,
            history_size_max: 100,
            ..Settings::default()
        }),
    }
}

/// Reads a body as its call does. Returns the request, or `None` if it is refused.
fn check<T: FromBody>(body: &[u8]) -> Option<T> {
    let result = in_linear_time(body.len(), || check_body::<T>(body, &facts()));
    let value = serde_json::from_slice::<Value>(body);
    let is_text = std::str::from_utf8(body).is_ok();
    match result {
        Err(error) => {
            refusal::check(&error, body.len(), &[400]);
            let depth = value.as_ref().map_or(0, depth);
            assert!(!is_text || value.is_err() || depth > DEEPEST, "{error}");
            None
        }
        Ok(checked) => {
            assert!(value.as_ref().map_or(0, depth) <= DEEPEST);
            let blanks = [&b" \n"[..], body, b"\t\r\n "].concat();
            let again = check_body::<T>(&blanks, &facts()).ok();
            let again = again.expect("blanks around a body change nothing");
            assert_eq!(again.errors, checked.errors);
            assert_eq!(again.request.is_some(), checked.request.is_some());
            if !checked.errors.is_empty() {
                refusal::check(&ApiError::Invalid(checked.errors), body.len(), &[422]);
                return None;
            }
            assert!(checked.request.is_some(), "a refusal says what is wrong");
            checked.request
        }
    }
}

/// Returns the depth of a value.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Checks a list, and then the fields of its items.
fn check_messages<T: FromBody>(body: &[u8], check_items: fn(&RawValue)) {
    if check::<T>(body).is_some() {
        let body = serde_json::from_slice(body).expect("a body that was taken is JSON");
        check_items(body);
    }
}

fn check_drafts(body: &RawValue) {
    let drafts = list_of::<MessageDraft>(body, &facts()).expect("the list was taken before");
    for draft in drafts {
        check_address(&draft.address);
        check_user(&draft.user);
        check_message(draft.message.as_ref(), body);
        check_time(draft.timestamp);
    }
}

fn check_patches(body: &RawValue) {
    let patches = list_of::<MessagePatch>(body, &facts()).expect("the list was taken before");
    for patch in patches {
        check_address(&patch.address);
        patch.user.iter().for_each(check_user);
        check_message(patch.message.as_ref(), body);
        check_time(patch.timestamp);
        check_time(Some(patch.edited));
    }
}

fn check_deletions(body: &RawValue) {
    let deletions = list_of::<MessageDeletion>(body, &facts()).expect("the list was taken before");
    for deletion in deletions {
        check_address(&deletion.address);
    }
}

fn check_address(address: &Address) {
    address.channel.iter().for_each(check_channel);
    let users = address.pm_users.iter().chain(&address.exclude_users);
    users.for_each(check_user);
}

fn check_channel(channel: &ChannelName) {
    assert!((1..=256).contains(&channel.as_str().chars().count()));
}

fn check_user(user: &UserName) {
    assert!((1..=512).contains(&user.as_str().chars().count()));
}

/// Asserts that a message is in the body exactly as it is passed on, and is not too long.
fn check_message(message: Option<&Payload>, body: &RawValue) {
    if let Some(message) = message {
        let text = message.get();
        assert!(
            text.len() <= MESSAGE_LIMIT && body.get().contains(text),
            "{text}"
        );
    }
}

/// Asserts that a printed time can be read again, by callers and from the store.
fn check_time(time: Option<Timestamp>) {
    let Some(time) = time else { return };
    let printed = time.to_string();
    assert_eq!(Timestamp::from_text(&printed), Some(time), "{printed}");
    let body = serde_json::json!([{"user": "alice", "timestamp": printed}]).to_string();
    let body = RawValue::from_string(body).expect("a printed time is JSON");
    let drafts = list_of::<MessageDraft>(&body, &facts()).expect("a printed time is read again");
    assert!(
        drafts.iter().all(|draft| draft.timestamp == Some(time)),
        "{printed}"
    );
}
