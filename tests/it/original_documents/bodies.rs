//! The bodies of calls in the documents.

use reqwest::Method;
use serde_json::{Value, json};

use super::filled;
use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

/// The id that the home page uses.
const ID: &str = "504b2f2a-cdd8-4d0e-a8f7-f68576af3376";
const QUOTED_ID: &str = "\"504b2f2a-cdd8-4d0e-a8f7-f68576af3376\"";

/// Home page: "Connect/create user with default state".
const CONNECT: &str = r#"{
      "username": "some_user",
      "state_public_keys": ["status", "color", "counter"],
      "fresh_user_state": {
        "status": "active",
        "color": "red",
        "counter": 5,
        "bool": true
        },
      "user_state": {"counter": 6}
    }"#;

/// Home page: "Connect user to channels with different settings".
const CONNECT_WITH_CONFIGS: &str = r#"{
      "username": "other_user",
      "channels": ["/tutorial/a", "tutorial/b"],
      "channel_configs": {
            "/tutorial/a": {
              "notify_presence": true,
              "store_history": true,
              "history_size": 50
            },
            "tutorial/b": {
              "notify_state": true,
              "store_frames": true
            }
        }
    }"#;

/// Home page: "Subscribe live connection to additional channels".
const SUBSCRIBE: &str = r#"{
      "conn_id": "504b2f2a-cdd8-4d0e-a8f7-f68576af3376",
      "channels": ["1", "2", "3"]
    }"#;

/// Home page: "Unsubscribe live connection from a channel".
const UNSUBSCRIBE: &str = r#"{
      "conn_id": "504b2f2a-cdd8-4d0e-a8f7-f68576af3376",
      "channels": ["3"]
    }"#;

/// Home page: "Set/update state on user object".
const USER_STATE: &str = r#"{
      "user": "some_user",
      "user_state": {"foobar": 99},
      "state_public_keys": ["status", "color", "counter"]
    }"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_home_page_are_accepted() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    // "the values will be created if user state does not exist at all. user_state on other hand
    // will be used to update users state"
    let connected = backend.post("/connect", filled(CONNECT, &[])).await;
    assert_eq!(
        connected["state"],
        json!({"status": "active", "color": "red", "counter": 6, "bool": true})
    );
    assert_eq!(
        connected["public_state"],
        json!({"status": "active", "color": "red", "counter": 6})
    );
    let again = filled(CONNECT, &[("\"active\"", "\"away\"")]);
    assert_eq!(
        backend.post("/connect", again).await["state"]["status"],
        "active"
    );
    // "Values of state is can be one of following types: string, integer, boolean or float."
    let wrong = json!({"user": "some_user", "user_state": {"a": []}});
    assert_eq!(
        backend
            .send(Method::POST, "/user_state", &wrong)
            .await
            .status(),
        422
    );
    let right =
        json!({"user": "some_user", "user_state": {"a": "text", "b": 1, "c": false, "d": 1.5}});
    assert_eq!(
        backend
            .send(Method::POST, "/user_state", &right)
            .await
            .status(),
        200
    );

    // "Every channel might have different config based on its role."
    let connected = backend
        .post("/connect", filled(CONNECT_WITH_CONFIGS, &[]))
        .await;
    assert_eq!(connected["channels"], json!(["/tutorial/a", "tutorial/b"]));
    let settings = |name: &str| connected["channels_info"]["channels"][name]["settings"].clone();
    let (a, b) = (settings("/tutorial/a"), settings("tutorial/b"));
    assert_eq!(
        [
            &a["notify_presence"],
            &a["store_history"],
            &a["history_size"]
        ],
        [&json!(true), &json!(true), &json!(50)]
    );
    assert_eq!(
        [
            &b["notify_state"],
            &b["store_frames"],
            &b["notify_presence"]
        ],
        [&json!(true), &json!(true), &json!(false)]
    );

    // "Existing connections can be subscribed to even more channels. You can also specify
    // channel_configs key in this call"
    backend
        .post("/connect", json!({"username": "some_user", "conn_id": ID}))
        .await;
    let subscribed = backend.post("/subscribe", filled(SUBSCRIBE, &[])).await;
    assert_eq!(subscribed["subscribed_to"], json!(["1", "2", "3"]));
    let with_configs =
        json!({"conn_id": ID, "channels": ["4"], "channel_configs": {"4": {"notify_state": true}}});
    let subscribed = backend.post("/subscribe", with_configs).await;
    assert_eq!(
        subscribed["channels_info"]["channels"]["4"]["settings"]["notify_state"],
        true
    );
    // "Existing connections can be removed from channels."
    let unsubscribed = backend.post("/unsubscribe", filled(UNSUBSCRIBE, &[])).await;
    assert_eq!(
        (
            &unsubscribed["channels"],
            &unsubscribed["unsubscribed_from"]
        ),
        (&json!(["1", "2", "4"]), &json!(["3"]))
    );

    // "This API call will also emit user_state_change messages on channels that have state change
    // notifications enabled."
    let mut socket = WebSocket::open(&server.address, ID).await.unwrap();
    let changed = backend.post("/user_state", filled(USER_STATE, &[])).await;
    assert_eq!(
        changed["changed_state"],
        json!([{"key": "foobar", "value": 99}])
    );
    assert_eq!(
        changed["public_keys"],
        json!(["status", "color", "counter"])
    );
    let event = socket.event().await;
    assert_eq!(
        (&event["type"], &event["channel"]),
        (&json!("user_state_change"), &json!("4"))
    );
}

/// README of 0.1: /connect.
const OLD_CONNECT: &str = r#"{ "user": YOUR_USER_NAME,
      "conn_id": CUSTOM_UNIQUE_UID_OF_CONNECTION, # for example uuid.uuid4()
    "channels": [ "CHAN_NAME1", "CHAN_NAMEX" ]
    }"#;

/// README of 0.1, and page of 0.6.0, which has lost the braces: /info, "If channel list is empty
/// server will return full list of all channels and their information."
const OLD_INFO: &str = r#"{
    "channels": [ "CHAN_NAME1", "CHAN_NAMEX" ]
    }"#;

/// README of 0.1, page of 0.6.0: /disconnect, "marks specific connection to be garbage collected".
const OLD_DISCONNECT: &str = r#"{ "conn_id": CONN_ID}"#;

/// README of 0.1: /subscribe.
const OLD_SUBSCRIBE: &str =
    r#"{ "channels": [ "CHAN_NAME1", "CHAN_NAMEX" ], "conn_id": "CONNECTION_ID"}"#;

/// README of 0.1: /user_status.
const OLD_STATUS: &str = r#"{ "user": USER_NAME, "status":STATUS_ID_INT}"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_readme_of_0_1_are_accepted() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let connect = filled(
        OLD_CONNECT,
        &[
            ("YOUR_USER_NAME", "\"alice\""),
            ("CUSTOM_UNIQUE_UID_OF_CONNECTION", QUOTED_ID),
        ],
    );
    let connected = backend.post("/connect", connect).await;
    assert_eq!(
        (&connected["conn_id"], &connected["channels"]),
        (&json!(ID), &json!(["CHAN_NAME1", "CHAN_NAMEX"]))
    );
    let subscribe = filled(
        OLD_SUBSCRIBE,
        &[("CONNECTION_ID", ID), ("CHAN_NAME1", "more")],
    );
    assert_eq!(
        backend.post("/subscribe", subscribe).await["subscribed_to"],
        json!(["more"])
    );

    let names = |info: &Value| {
        info["channels"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&backend.post("/info", filled(OLD_INFO, &[])).await),
        ["CHAN_NAME1", "CHAN_NAMEX"]
    );
    let all = filled(OLD_INFO, &[("\"CHAN_NAME1\", \"CHAN_NAMEX\"", "")]);
    assert_eq!(
        names(&backend.post("/info", all).await),
        ["CHAN_NAME1", "CHAN_NAMEX", "more"]
    );

    let status = filled(
        OLD_STATUS,
        &[("USER_NAME", "\"alice\""), ("STATUS_ID_INT", "3")],
    );
    assert_eq!(
        backend.post("/user_status", status).await["user_state"],
        json!({"status": 3})
    );

    assert_eq!(
        backend
            .post(
                "/disconnect",
                filled(OLD_DISCONNECT, &[("CONN_ID", QUOTED_ID)])
            )
            .await,
        true
    );
    crate::support::eventually("the connection is gone", async || {
        backend.post("/info", json!({"channels": []})).await["channels"]["more"]["users"]
            == json!([])
    })
    .await;
}

/// README of 0.1: /message.
const OLD_MESSAGE: &str = r#"{
    "channel": "CHAN_NAME", #optional
    "pm_users": [USER_NAME1,USER_NAME2], #optional
    "user": "NAME_OF_POSTER",
    "message": MSG_PAYLOAD
    }"#;

/// Page of 0.6.0: the body of /message, which has lost its braces.
const MESSAGE_OF_0_6: &str = r#""channel": "CHAN_NAME", #optional if pm_users present
"pm_users": [username1,username2], #optional if channel present
"user": "NAME_OF_POSTER",
"message": MSG_PAYLOAD"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_where_its_channel_and_its_users_say() {
    check_recipients(OLD_MESSAGE, "USER_NAME1,USER_NAME2").await;
    check_recipients(&format!("{{{MESSAGE_OF_0_6}}}"), "username1,username2").await;
}

/// Sends a quoted message with and without its channel and its users. `user_names` are the words
/// that stand for the users.
async fn check_recipients(quote: &str, user_names: &str) {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let mut sockets = Vec::new();
    for (user, channels) in [("a", &["CHAN_NAME"][..]), ("b", &["CHAN_NAME"]), ("a", &[])] {
        let conn_id = backend.connect(user, channels).await;
        sockets.push(WebSocket::open(&server.address, &conn_id).await.unwrap());
    }
    let users = (user_names, "\"a\"");
    let no_users = format!("\"pm_users\": [{user_names}],");
    let payload = |number: &'static str| ("MSG_PAYLOAD", number);
    let messages = [
        // "When just channel is present message is public to all connections subscribed to the
        // channel."
        filled(quote, &[(&no_users, ""), payload("{\"is\": 1}")]),
        // "When channel & pm_users is a private message is sent to connections subscribed to this
        // specific channel."
        filled(quote, &[users, payload("{\"is\": 2}")]),
        // "If only pm_users is present a private message is sent to all connections that are owned
        // by pm_users."
        filled(
            quote,
            &[
                (r#""channel": "CHAN_NAME","#, ""),
                users,
                payload("{\"is\": 3}"),
            ],
        ),
        // This message ends the wait of each client.
        json!({"user": "x", "pm_users": ["a", "b"], "message": {"is": 4}}),
    ];
    for message in messages {
        backend.post("/message", json!([message])).await;
    }
    for (socket, expected) in sockets
        .iter_mut()
        .zip([&[1, 2, 3, 4][..], &[1, 4], &[3, 4]])
    {
        for number in expected {
            assert_eq!(socket.event().await["message"]["is"], *number);
        }
    }
}

/// Page of 0.6.0: the body of /connect.
const CONNECT_OF_0_6: &str = r#"{ "user": YOUR_username,
"conn_id": CUSTOM_UNIQUE_UID_OF_CONNECTION, # for example uuid.uuid4()
"channels": [ "CHAN_NAME1", "CHAN_NAMEX" ],
"channel_configs": {"CHAN_NAME1": {"notify_presence": true, "history_size": 50}} # channel_configs key is optional,
"fresh_user_state": {"avatar":"foo", "bar":1}}, # if user object is not found set this state on newly created user object
"user_state": {"bar":2}} # update user object state with keys from this dictionary,
"state_public_keys": ["avatar", "bar"] # whitelist state keys to be sent back to clients inside presence payloads
"#;

/// Page of 0.6.0: "Keys used in `channel_configs` to describe channel behavior (and their
/// defaults)".
const DEFAULTS: &str = "* notify_presence = False
* broadcast_presence_with_user_lists = False
* store_history = False
* history_size = 10";

/// Page of 0.6.0: the body of /subscribe.
const SUBSCRIBE_OF_0_6: &str = r#"{ "channels": [ "CHAN_NAME1", "CHAN_NAMEX" ],
"channel_configs": {"CHAN_NAME1": {"notify_presence": true, "history_size": 50}}, # channel_configs key is optional
"conn_id": "CONNECTION_ID"}"#;

/// Page of 0.6.0: the body of /user_state.
const USER_STATE_OF_0_6: &str = r#"{ "user": username, "user_state":{"bar":2}},
"state_public_keys": ["avatar", "bar"]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_page_of_0_6_0_are_accepted() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let mended = [
        ("YOUR_username", "\"alice\""),
        ("CUSTOM_UNIQUE_UID_OF_CONNECTION", QUOTED_ID),
        // The page has a brace too many in two lines, and none at the end.
        ("\"bar\":1}}", "\"bar\":1}"),
        ("\"bar\":2}}", "\"bar\":2}"),
        ("[\"avatar\", \"bar\"]", "[\"avatar\", \"bar\"]}"),
    ];
    let connected = backend
        .post("/connect", filled(CONNECT_OF_0_6, &mended))
        .await;
    assert_eq!(connected["state"], json!({"avatar": "foo", "bar": 2}));
    assert_eq!(
        connected["public_state"],
        json!({"avatar": "foo", "bar": 2})
    );
    let settings =
        |channel: &str| connected["channels_info"]["channels"][channel]["settings"].clone();
    assert_eq!(
        (
            &settings("CHAN_NAME1")["notify_presence"],
            &settings("CHAN_NAME1")["history_size"]
        ),
        (&json!(true), &json!(50))
    );
    for line in DEFAULTS.lines() {
        let (key, default) = line.strip_prefix("* ").unwrap().split_once(" = ").unwrap();
        assert_eq!(
            settings("CHAN_NAMEX")[key].to_string(),
            default.to_lowercase(),
            "{line}"
        );
    }
    let subscribe = filled(
        SUBSCRIBE_OF_0_6,
        &[("CONNECTION_ID", ID), ("CHAN_NAME1", "new")],
    );
    let subscribed = backend.post("/subscribe", subscribe).await;
    assert_eq!(
        subscribed["channels_info"]["channels"]["new"]["settings"]["history_size"],
        50
    );
    let mended = [("username", "\"alice\""), ("{\"bar\":2}}", "{\"bar\":2}")];
    let state = backend
        .post("/user_state", filled(USER_STATE_OF_0_6, &mended))
        .await;
    assert_eq!(
        (&state["user_state"]["bar"], &state["public_keys"]),
        (&json!(2), &json!(["avatar", "bar"]))
    );
}
