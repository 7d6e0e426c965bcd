//! Users with unusual names and states.

use channelstream_actors::core::cluster::answer::Answer;
use channelstream_actors::core::cluster::call::Call;
use channelstream_actors::name::{ConnId, UserName};
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::store::redis::encoding::Limits;
use serde_json::{Value, json};

use super::caller::Caller;
use super::server::RedisServer;
use crate::world::channel;

#[tokio::test]
async fn events_have_the_names_and_states_of_users_as_they_are() {
    let server = RedisServer::start();
    let mut node = Caller::start(&server, Limits::default()).await;
    let configure = Call::Configure {
        log: channel(),
        config: ChannelConfig {
            notify_presence: true,
            broadcast_presence_with_user_lists: true,
            notify_state: true,
            ..ChannelConfig::default()
        },
        is_for_new: false,
    };
    node.call(configure).await;
    let user = "a \"b\" \\ / \u{1f600} \u{1} %d";
    let state = json!({"n": 1e300, "t": "\u{e9}\"", "empty": null});
    let set = |seen, state: &Value| Call::SetUser {
        user: UserName::new(user),
        seen,
        state: state.to_string().into(),
        changed: Some("[]".into()),
    };
    assert_eq!(node.call(set(0, &state)).await, Answer::Done);
    let connect = Call::Connect {
        conn_id: ConnId::random(),
        user: UserName::new(user),
        logs: [channel()].into(),
    };
    node.call(connect).await;
    let look_up = Call::LookUpUser {
        user: UserName::new(user),
    };
    let Answer::User(found) = node.call(look_up).await else {
        panic!("no user")
    };
    let changed = json!({});
    assert_eq!(node.call(set(found.version, &changed)).await, Answer::Done);
    let Answer::Loaded(loaded) = node.call(Call::Load { log: channel() }).await else {
        panic!("not loaded")
    };
    let events = loaded.entries.iter().map(|item| {
        let (letter, json) = item.content.split_at(1);
        (letter[0], serde_json::from_slice(json).unwrap())
    });
    let expected: [(u8, Value); 2] = [
        (
            b'+',
            json!({"user": user, "state": state, "users": [[user, state]]}),
        ),
        (b's', json!({"user": user, "state": changed, "changed": []})),
    ];
    assert_eq!(events.collect::<Vec<_>>(), expected);
    assert_eq!(loaded.members[0].user.as_str(), user);
    assert_eq!(loaded.members[0].connections, 1);
    assert_eq!(loaded.members[0].state.as_deref(), Some(&b"{}"[..]));
}
