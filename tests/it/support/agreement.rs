//! Checks that all sources agree on who is in which channel: `/info`, `/admin/admin.json`, and the
//! clients that really receive a message.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::Backend;
use super::websocket::WebSocket;

/// The time that the server has to settle after a storm. It is longer than the lifetime that the
/// settings give to connections without a transport.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A client that listens by websocket, and the channels that its connection is subscribed to.
pub(crate) struct Member {
    pub(crate) user: String,
    pub(crate) channels: BTreeSet<String>,
    pub(crate) socket: WebSocket,
}

/// The users and connections that a source shows. Channels without connections are left out.
#[derive(Debug, Default, PartialEq, Eq)]
struct People {
    /// The users of each channel, and the number of their connections to it.
    channels: BTreeMap<String, (BTreeSet<String>, u64)>,
    /// The number of connections of each user, if the source shows it.
    connections: BTreeMap<String, u64>,
}

/// Waits until `/info` and `admin.json` show these members and nobody else. Then sends a last
/// message to every channel and checks who receives it.
pub(crate) async fn check_agreement(backend: &Backend, members: &mut [Member]) {
    let connections = members
        .iter()
        .map(|member| (&member.user, &member.channels));
    wait_for_agreement(backend, connections).await;
    receive_a_last_message(backend, members).await;
}

/// Waits until `/info` and `admin.json` show these connections, each with its user and channels,
/// and no others.
pub(crate) async fn wait_for_agreement<'a>(
    backend: &Backend,
    connections: impl IntoIterator<Item = (&'a String, &'a BTreeSet<String>)>,
) {
    let expected = People::of(connections);
    let start = Instant::now();
    loop {
        let (info, admin) = (
            People::of_info(backend).await,
            People::of_admin(backend).await,
        );
        if info.channels == expected.channels && admin == expected {
            break;
        }
        if start.elapsed() > TIMEOUT {
            for (who, people) in [("/info", &info), ("admin.json", &admin)] {
                let ghosts = people.ghosts(&expected);
                println!(
                    "{} ghosts in {who}, one of them is {:?}",
                    ghosts.len(),
                    ghosts.first()
                );
            }
            assert_eq!(
                info.channels, expected.channels,
                "/info (left) and the clients that listen (right)"
            );
            assert_eq!(
                admin, expected,
                "admin.json (left) and the clients that listen (right)"
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Sends a last message to each channel, then to each member in private. A member that has not
/// received an earlier message by then never will.
async fn receive_a_last_message(backend: &Backend, members: &mut [Member]) {
    let mark = Uuid::new_v4().to_string();
    let info = backend
        .post("/info", json!({"info": {"include_history": false}}))
        .await;
    for channel in info["channels"].as_object().unwrap().keys() {
        backend.say(channel, json!({"mark": mark})).await;
    }
    let users: BTreeSet<_> = members.iter().map(|member| &member.user).collect();
    backend
        .post(
            "/message",
            json!([{"user": "backend", "pm_users": users, "message": {"mark": mark}}]),
        )
        .await;
    for Member {
        user,
        channels,
        socket,
    } in members
    {
        let mut received = BTreeSet::new();
        loop {
            let event = socket.event().await;
            if event["message"]["mark"] == mark.as_str() {
                let Some(channel) = event["channel"].as_str() else {
                    break;
                };
                assert!(
                    received.insert(channel.to_owned()),
                    "{user} got the last message of {channel} twice"
                );
            }
        }
        assert_eq!(
            received, *channels,
            "{user} got the last message of (left) and is subscribed to (right)"
        );
    }
}

impl People {
    fn of<'a>(connections: impl IntoIterator<Item = (&'a String, &'a BTreeSet<String>)>) -> Self {
        let mut people = Self::default();
        for (user, channels) in connections {
            *people.connections.entry(user.clone()).or_default() += 1;
            for channel in channels {
                let (users, connections) = people.channels.entry(channel.clone()).or_default();
                users.insert(user.clone());
                *connections += 1;
            }
        }
        people
    }

    async fn of_info(backend: &Backend) -> Self {
        let info = backend
            .post("/info", json!({"info": {"include_history": false}}))
            .await;
        let people = Self {
            channels: channels_of(&info),
            ..Self::default()
        };
        let users: BTreeSet<_> = people
            .channels
            .values()
            .flat_map(|(users, _)| users.clone())
            .collect();
        let told: BTreeSet<_> = info["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| text(&user["user"]))
            .collect();
        assert_eq!(
            told, users,
            "the users that /info lists (left) and those of its channels (right)"
        );
        people
    }

    async fn of_admin(backend: &Backend) -> Self {
        let admin = backend
            .request(Method::GET, "/admin/admin.json")
            .send()
            .await
            .unwrap();
        let admin: Value = admin.json().await.unwrap();
        let count = |user: &Value| {
            (
                text(&user["user"]),
                user["connections"].as_array().unwrap().len() as u64,
            )
        };
        let connections: BTreeMap<_, _> = admin["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(count)
            .collect();
        assert_eq!(
            admin["total_connections"],
            connections.values().sum::<u64>()
        );
        assert_eq!(admin["unique_user_count"], connections.len());
        Self {
            channels: channels_of(&admin),
            connections,
        }
    }

    /// Returns the users and connections that are shown although they have left.
    fn ghosts(&self, expected: &Self) -> BTreeSet<String> {
        self.everyone()
            .difference(&expected.everyone())
            .cloned()
            .collect()
    }

    fn everyone(&self) -> BTreeSet<String> {
        let in_channels = self.channels.values().flat_map(|(users, _)| users);
        in_channels
            .chain(self.connections.keys())
            .cloned()
            .collect()
    }
}

fn channels_of(answer: &Value) -> BTreeMap<String, (BTreeSet<String>, u64)> {
    let channel = |(name, channel): (&String, &Value)| {
        let users: BTreeSet<_> = channel["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect();
        assert_eq!(channel["total_users"], users.len(), "{channel}");
        (
            name.clone(),
            (users, channel["total_connections"].as_u64().unwrap()),
        )
    };
    let channels = answer["channels"].as_object().unwrap().iter().map(channel);
    channels
        .filter(|(_, (users, connections))| !users.is_empty() || *connections > 0)
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
