//! Clients that listen as a user, with a signature that the application has made. They join and
//! leave the channels to which the application has subscribed the user.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::polling::Poller;
use super::program::Program;
use super::{Client, numbers};
use crate::support::client::Backend;
use crate::support::folder::Folder;
use crate::support::server::Server;
use crate::support::signing::{now, sign, sign_with_salt};

const SETTINGS: [(&str, &str); 1] = [("socketio-username", "true")];

const DAY: u64 = 86_400;

/// Returns the signature of a user.
fn sig(username: &str, at: u64) -> String {
    sign_with_salt("secret", "channelstream.socketio", username, at)
}

fn auth(username: &str) -> Value {
    json!({"username": username, "sig": sig(username, now())})
}

/// Returns the error of a client that cannot connect with this `auth`.
async fn refusal(server: &Server, auth: &Value) -> Value {
    let (mut client, _) = Client::open(server, "").await;
    client.send(&format!("40{auth}")).await;
    let packet = client.next_packet().await;
    let error = packet
        .strip_prefix("44")
        .unwrap_or_else(|| panic!("{packet}"));
    serde_json::from_str(error).unwrap()
}

/// Sends an event with an acknowledgement, and returns the answer. The same event comes back with
/// the same answer.
async fn change(client: &mut Client, name: &str, channels: &[&str]) -> Value {
    client
        .send(&format!("429{}", json!([name, channels])))
        .await;
    let event = client.next_packet().await;
    let event: Value = serde_json::from_str(event.strip_prefix("42").unwrap()).unwrap();
    let answer = client.next_packet().await;
    let answer: Value = serde_json::from_str(answer.strip_prefix("439").unwrap()).unwrap();
    assert_eq!(event, json!([name, answer[0]]));
    answer[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_the_first_release_runs_with_todays_client() {
    let server = Server::start(&SETTINGS);
    let backend = Backend::of(&server);
    backend
        .connect("alice", &["pub_chan", "pub_chan2", "notify"])
        .await;
    let mut page = Program::seed(&server, "alice", &sig("alice", now()));
    assert_eq!(page.line().await, json!(["connected"]));
    let user = page.line().await;
    assert_eq!(user[0], "user_connect");
    assert_eq!(user[1]["username"], "alice");
    assert_eq!(user[1]["channels"], json!([]));
    let joined = json!(["join", ["pub_chan", "pub_chan2"]]);
    assert_eq!(page.line().await, joined);
    backend.say("notify", json!({"n": 0})).await;
    backend.say("pub_chan", json!({"n": 1})).await;
    let messages = page.line().await;
    assert_eq!(messages[0], "messages");
    assert_eq!(numbers(messages[1].as_array().unwrap()), [1]);
    page.tell("leave");
    assert_eq!(page.line().await, json!(["leave", ["pub_chan"]]));
    backend.say("pub_chan", json!({"n": 2})).await;
    backend.say("pub_chan2", json!({"n": 3})).await;
    assert_eq!(numbers(page.line().await[1].as_array().unwrap()), [3]);
    // Without the name, and for another user.
    let whole = sig("alice", now());
    let mut page = Program::seed(&server, "alice", whole.strip_prefix("alice.").unwrap());
    assert_eq!(page.line().await, json!(["connected"]));
    let mut page = Program::seed(&server, "bob", &whole);
    assert_eq!(page.line().await[0], "connect_error");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signature_of_a_user_makes_no_call_and_that_of_a_call_opens_no_socket() {
    let server = Server::start(&SETTINGS);
    let backend = Backend::of(&server);
    backend.connect("alice", &["room"]).await;
    backend.connect("/message", &["room"]).await;
    for username in ["alice", "/message"] {
        for path in ["/message", "/connect", "/info", "/subscribe"] {
            let call = backend.unsigned(Method::POST, path).json(&json!([]));
            let call = call.header("x-channelstream-secret", sig(username, now()));
            assert_eq!(
                call.send().await.unwrap().status(),
                401,
                "{username} {path}"
            );
        }
        let of_call = json!({"username": username, "sig": sign("secret", username, now())});
        let refused = refusal(&server, &of_call).await;
        let message = "the sig is wrong or too old; ask your application for a new one";
        assert_eq!(refused, json!({"message": message, "data": {"code": 4004}}));
    }
    for wrong in [
        json!({"username": "alice", "sig": sig("alice", now() - DAY - 10)}),
        json!({"username": "alice", "sig": sig("bob", now())}),
        json!({"username": "alice", "sig": ""}),
        json!({"username": "alice", "signature": "x.y.z"}),
    ] {
        assert_eq!(
            refusal(&server, &wrong).await["data"]["code"],
            4004,
            "{wrong}"
        );
    }
    let unknown = refusal(&server, &auth("nobody")).await;
    let message = "unknown connection; connect again through the application";
    assert_eq!(unknown["message"], message);
    let old = json!({"username": "alice", "signature": sig("alice", now() - DAY + 10)});
    Client::connect_as(&server, &old).await;
    // The names of users are not known by default.
    let server = Server::start(&[]);
    Backend::of(&server).connect("alice", &["room"]).await;
    assert_eq!(refusal(&server, &auth("alice")).await["message"], message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_joins_only_what_the_application_has_given_its_user() {
    let server = Server::start(&SETTINGS);
    let backend = Backend::of(&server);
    let own = backend.connect("alice", &["red"]).await;
    backend.connect("bob", &["secret"]).await;
    let body = json!({"conn_id": own, "channels": ["green", "blue"]});
    backend.post("/subscribe", body).await;
    let (mut client, _) = Client::connect_as(&server, &auth("alice")).await;
    let asked = ["red", "secret", "blue", "nowhere"];
    assert_eq!(
        change(&mut client, "join", &asked).await,
        json!(["red", "blue"])
    );
    assert_eq!(change(&mut client, "join", &["red"]).await, json!(["red"]));
    let info = backend
        .post(
            "/info",
            json!({"info": {"channels": ["secret", "nowhere"]}}),
        )
        .await;
    assert_eq!(info["channels"]["secret"]["total_connections"], 1);
    assert!(info["channels"].get("nowhere").is_none(), "{info}");
    for channel in ["secret", "green", "blue"] {
        backend.say(channel, json!({"n": channel.len()})).await;
    }
    assert_eq!(numbers(&client.list().await), [4]);
    assert_eq!(
        change(&mut client, "leave", &["blue", "secret"]).await,
        json!(["blue"])
    );
    backend.say("blue", json!({"n": 1})).await;
    assert_eq!(
        change(&mut client, "join", &["blue"]).await,
        json!(["blue"])
    );
    // The application takes a channel back.
    let body = json!({"conn_id": own, "channels": ["green"]});
    backend.post("/unsubscribe", body).await;
    assert_eq!(
        change(&mut client, "join", &["green", "red"]).await,
        json!(["red"])
    );
    // The channels stay when the connection of the application is gone.
    backend.post("/disconnect", json!({"conn_id": own})).await;
    assert_eq!(change(&mut client, "leave", &["red"]).await, json!(["red"]));
    assert_eq!(change(&mut client, "join", &["red"]).await, json!(["red"]));
    client.send(r#"421["join","red"]"#).await;
    let refused = r#"431[{"error":"listen only: post through your application"}]"#;
    assert_eq!(client.next_packet().await, refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_polls_joins_and_leaves_too_and_without_the_setting_nobody_does() {
    let server = Server::start(&SETTINGS);
    let backend = Backend::of(&server);
    backend.connect("alice", &["room"]).await;
    let query = format!("&username=alice&sig={}", sig("alice", now()));
    let (client, _) = Poller::open(&server, &query).await;
    client.post("40\x1e420[\"join\",[\"room\",\"hall\"]]").await;
    let mut packets = client.packets_to(r#"430[["room"]]"#).await;
    packets.retain(|packet| packet.contains("join"));
    assert_eq!(packets, [r#"42["join",["room"]]"#]);
    backend.say("room", json!({"n": 1})).await;
    assert_eq!(numbers(&client.list().await), [1]);
    client.post(r#"421["leave",["room"]]"#).await;
    client.packets_to(r#"431[["room"]]"#).await;

    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut client = Client::connect(&server, &conn_id).await;
    assert_eq!(
        change(&mut client, "join", &["room", "hall"]).await,
        json!(["room"])
    );
    assert_eq!(change(&mut client, "leave", &["room"]).await, json!([]));
    backend.say("room", json!({"n": 2})).await;
    assert_eq!(numbers(&client.list().await), [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_comes_back_to_its_own_connection_and_to_no_other() {
    let server = Server::start(&SETTINGS);
    let backend = Backend::of(&server);
    let body = json!({"username": "alice", "channels": ["room"], "user_state": {"a": 1},
        "state_public_keys": ["a"]});
    backend.post("/connect", body).await;
    let of_bob = backend.connect("bob", &["room"]).await;
    // It names a free id of its own, in the query.
    let named = Uuid::new_v4();
    let query = format!(
        "&conn_id={named}&username=alice&sig={}",
        sig("alice", now())
    );
    let (mut client, opening) = Client::open(&server, &query).await;
    client.send("40").await;
    let pid = super::pid_of(&client.next_packet().await, "", &opening);
    assert!(pid.starts_with(&named.to_string()), "{pid}");
    assert!(client.next_packet().await.contains("user_connect"));
    assert_eq!(
        change(&mut client, "join", &["room"]).await,
        json!(["room"])
    );
    drop(client);
    backend.say("room", json!({"n": 1})).await;
    let mut again = auth("alice");
    again["pid"] = json!(pid);
    let (mut client, same) = Client::connect_as(&server, &again).await;
    assert_eq!(same, pid);
    assert_eq!(numbers(&client.list().await), [1]);
    // The state and its public keys stay as the application has set them.
    let info = backend
        .post(
            "/info",
            json!({"info": {"channels": ["room"],
        "return_public_state": true}}),
        )
        .await;
    let users = info["users"].as_array().unwrap();
    let alice = users.iter().find(|user| user["user"] == "alice").unwrap();
    assert_eq!(alice["state"], json!({"a": 1}), "{info}");
    // The connection of another user is not taken.
    for (key, value) in [("conn_id", of_bob.clone()), ("pid", format!("{of_bob}.1"))] {
        let mut other = auth("alice");
        other[key] = json!(value);
        let (_client, pid) = Client::connect_as(&server, &other).await;
        assert!(!pid.starts_with(&of_bob), "{key}: {pid}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_channels_of_a_user_are_kept_through_a_restart() {
    let folder = Folder::new();
    let path = folder.path("store.sqlite");
    let mut server = Server::start(&[
        ("socketio-username", "true"),
        ("store", "file"),
        ("store-path", path.as_str()),
    ]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["red", "green"]).await;
    let body = json!({"conn_id": conn_id, "channels": ["green"]});
    backend.post("/unsubscribe", body).await;
    let body = json!({"conn_id": conn_id, "channels": ["blue"]});
    backend.post("/subscribe", body).await;
    backend
        .post("/disconnect", json!({"conn_id": conn_id}))
        .await;
    server.begin_stop();
    server.end().await;
    let server = server.start_again();
    let (mut client, _) = Client::connect_as(&server, &auth("alice")).await;
    let asked = ["red", "green", "blue"];
    assert_eq!(
        change(&mut client, "join", &asked).await,
        json!(["red", "blue"])
    );
}
