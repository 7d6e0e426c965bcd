//! Tests of the browser client in a real browser, against the demo's backend and over connections
//! that are cut.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::browser::{Browser, Window};
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::proxy::Proxy;
use crate::support::server::Server;

/// A script that makes `connection`. The connection adds what it receives to `received`, and its
/// changes of status to `statuses`.
const CONNECTION: &str = "
    const { ChannelStreamConnection } = await import('/static/channelstream.js');
    const connection = window.connection = new ChannelStreamConnection();
    connection.username = 'alice';
    connection.channels = ['demo:lobby'];
    connection.connectUrl = '/demo/connect';
    connection.subscribeUrl = '/demo/subscribe';
    connection.unsubscribeUrl = '/demo/unsubscribe';
    connection.messageUrl = '/demo/message';
    connection.messageEditUrl = '/demo/message';
    connection.messageDeleteUrl = '/demo/message';
    connection.disconnectUrl = '/disconnect';
    connection.websocketUrl = `ws://${location.host}/ws`;
    connection.increaseBounceIv = 20;
    window.received = [];
    window.statuses = [];
    connection.on('message', ({ message }) => received.push(message.n ?? message.text));
    connection.on('status', (status) => statuses.push(status));
    const withToken = ({ body }) => Object.assign(body, { token: window.token ?? '' });
    for (const kind of Object.keys(connection.mutators)) {
        if (kind !== 'disconnect') connection.addMutator(kind, withToken);
    }
    connection.connectCallback = (request, data) => (window.token = data.token ?? window.token);
";

/// Opens a window with a connection. The script `change` changes the connection before it connects.
async fn open_connected(browser: &Browser, address: &str, change: &str) -> Window {
    let window = browser
        .open(address, "/static/latest/shared/icon.svg")
        .await;
    connect(&window, change).await;
    window
}

async fn connect(window: &Window, change: &str) {
    window
        .run(&format!("{CONNECTION} {change}; connection.connect();"))
        .await;
    wait_until_listening(window).await;
}

async fn wait_until_listening(window: &Window) {
    eventually("it listens", async || {
        window.run("return connection.status === 'listening'").await == true
    })
    .await;
}

async fn wait_for_messages(window: &Window, expected: Value) {
    eventually(&format!("{expected} is received"), async || {
        window.run("return received").await == expected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_uses_the_best_transport_that_works() {
    let server = Server::start(&[("demo", "true")]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let nowhere = "connection.websocketUrl = `ws://${location.host}/nowhere`";
    for (number, (change, transport)) in [
        ("", "websocket"),
        ("connection.noWebsocket = true", "sse"),
        (
            &format!("{nowhere}; connection.sseUrl = '/sse'; connection.longPollUrl = '/listen'"),
            "sse",
        ),
        (
            &format!(
                "{nowhere}; connection.sseUrl = '/nowhere'; connection.longPollUrl = '/listen'"
            ),
            "long-poll",
        ),
        ("connection.transports = ['long-poll']", "long-poll"),
    ]
    .into_iter()
    .enumerate()
    {
        // A name belongs to the window that took it first.
        let change = format!("connection.username = 'alice' + {number}; {change}");
        let window = open_connected(&browser, &server.address, &change).await;
        assert_eq!(
            window.run("return connection.transport").await,
            transport,
            "{change}"
        );
        backend.say("demo:lobby", json!({"n": 1})).await;
        wait_for_messages(&window, json!([1])).await;
        window.run("await connection.disconnect()").await;
        window.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_resumes_when_its_connections_are_cut() {
    const MESSAGES: u64 = 300;
    let server = Server::start(&[("demo", "true")]);
    let proxy = Proxy::to(&server.address).await;
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    for transport in ["websocket", "sse", "long-poll"] {
        let change = format!(
            "connection.username = 'alice by {transport}'; connection.transports = ['{transport}']"
        );
        let window = open_connected(&browser, &proxy.address, &change).await;
        for n in 0..MESSAGES {
            backend.say("demo:lobby", json!({"n": n})).await;
            if n % 60 == 30 {
                proxy.cut();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        wait_for_messages(&window, (0..MESSAGES).collect()).await;
        let connects = window
            .run("return statuses.filter(({ status }) => status === 'connecting').length")
            .await;
        assert_eq!(connects, 1, "{transport}: the connection was still known");
        window.run("await connection.disconnect()").await;
        window.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_connects_anew_when_the_server_has_forgotten_it() {
    let mut server = Server::start(&[("demo", "true")]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let window = open_connected(&browser, &server.address, "").await;
    server.restart();
    let is_connected_again =
        "const tries = statuses.filter(({ status }) => status === 'connecting');
         return connection.connected && tries.length === 2";
    eventually("the client is connected again", async || {
        window.run(is_connected_again).await == true
    })
    .await;
    backend.say("demo:lobby", json!({"n": 1})).await;
    wait_for_messages(&window, json!([1])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_waits_as_a_stopping_server_asks_or_until_the_network_is_back() {
    let mut server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let window = open_connected(&browser, &server.address, "").await;
    let (status, mut server) = tokio::task::spawn_blocking(move || (server.terminate(), server))
        .await
        .unwrap();
    assert!(status.success());
    eventually("it waits", async || {
        window
            .run("return statuses.some(({ status }) => status === 'waiting')")
            .await
            == true
    })
    .await;
    let wait = window
        .run("return statuses.find(({ status }) => status === 'waiting').wait")
        .await
        .as_f64()
        .unwrap();
    assert!(
        (1000.0..=1500.0).contains(&wait),
        "{wait} ms, where the server named one second"
    );
    // Waits are long from now on, unless something happens.
    window.run("connection.increaseBounceIv = 50_000").await;
    eventually("the client waits for long", async || {
        window
            .run("return statuses.at(-1).status === 'waiting' && statuses.at(-1).wait > 20_000")
            .await
            == true
    })
    .await;
    server.restart();
    window
        .run("window.dispatchEvent(new Event('online'))")
        .await;
    wait_until_listening(&window).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_original_works() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let window = open_connected(&browser, &server.address, "").await;
    let told = window
        .run(
            "const told = [];
             for (const name of [
                 'subscribeCallback',
                 'unsubscribeCallback',
                 'messageCallback',
                 'messageErrorCallback',
                 'messageEditErrorCallback',
             ]) {
                 connection[name] = (request, data) =>
                     told.push([name, request?.status, data?.error ?? typeof data]);
             }
             connection.channelsChangedCallback = (channels) =>
                 told.push(['channelsChangedCallback', channels]);
             connection.listenMessageCallback = (messages) =>
                 messages.forEach(({ type }) => told.push(['received', type]));
             const until = async (count) => {
                 while (told.length < count) await new Promise((go) => setTimeout(go, 10));
             };
             connection.subscribe(connection.calculateSubscribe(['demo:lobby', 'demo:quiet']));
             await until(2);
             connection.message({ channel: 'demo:quiet', text: 'hello' });
             await until(4);
             connection.message({ channel: 'demo:quiet', text: '' });
             await until(5);
             connection.edit({ channel: 'demo:quiet', text: 'x', uuid: crypto.randomUUID() });
             await until(6);
             connection.unsubscribe(connection.calculateUnsubscribe(['demo:quiet', 'other']));
             await until(8);
             return told;",
        )
        .await;
    let told = told.as_array().unwrap();
    assert_eq!(
        told[0],
        json!(["channelsChangedCallback", ["demo:lobby", "demo:quiet"]])
    );
    assert_eq!(told[1], json!(["subscribeCallback", 200, "object"]));
    let mut both = told[2..4].to_vec();
    both.sort_by_key(Value::to_string);
    assert_eq!(
        both,
        [
            json!(["messageCallback", 200, "object"]),
            json!(["received", "message"])
        ]
    );
    assert_eq!(
        told[4],
        json!([
            "messageErrorCallback",
            422,
            "A message must have 1 to 1000 characters."
        ])
    );
    assert_eq!(
        told[5],
        json!([
            "messageEditErrorCallback",
            403,
            "Only the author of a message may change it."
        ])
    );
    assert_eq!(told[6], json!(["channelsChangedCallback", ["demo:lobby"]]));
    assert_eq!(told[7], json!(["unsubscribeCallback", 200, "object"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_share_one_connection_and_the_next_takes_over() {
    let server = Server::start(&[("demo", "true")]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let share = "connection.shareAs = 'app'; connection.transports = ['sse']";
    let window = open_connected(&browser, &server.address, share).await;
    let leader = window.driver.window().await.unwrap();
    let follower = window.driver.new_tab().await.unwrap();
    let connections = async || {
        let info = backend
            .post("/info", json!({"info": {"channels": ["demo:lobby"]}}))
            .await;
        info["channels"]["demo:lobby"]["total_connections"].clone()
    };
    window
        .driver
        .switch_to_window(follower.clone())
        .await
        .unwrap();
    window.goto("/static/latest/shared/icon.svg").await;
    connect(&window, share).await;
    assert_eq!(connections().await, 1);
    backend.say("demo:lobby", json!({"n": 1})).await;
    wait_for_messages(&window, json!([1])).await;
    let users = window.run("return connection.users('demo:lobby')").await;
    assert_eq!(users[0]["user"], "demo:alice");
    window.driver.switch_to_window(leader).await.unwrap();
    wait_for_messages(&window, json!([1])).await;
    window.driver.close_window().await.unwrap();
    backend.say("demo:lobby", json!({"n": 2})).await;
    window.driver.switch_to_window(follower).await.unwrap();
    backend.say("demo:lobby", json!({"n": 3})).await;
    wait_for_messages(&window, json!([1, 2, 3])).await;
    assert_eq!(connections().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_knows_the_roster_and_ends_when_it_is_destroyed() {
    let server = Server::start(&[("demo", "true"), ("presence-grace", "0.1")]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let window = open_connected(&browser, &server.address, "").await;
    let users = async || window.run("return connection.users('demo:lobby')").await;
    let state = json!({"color": "red", "secret": 1});
    let bob = json!({
        "username": "demo:bob",
        "channels": ["demo:lobby"],
        "fresh_user_state": state,
        "state_public_keys": ["color"],
    });
    let conn_id = backend.post("/connect", bob).await["conn_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let alice = json!({"user": "demo:alice", "state": {}});
    eventually("bob is here", async || {
        users().await == json!([alice, {"user": "demo:bob", "state": {"color": "red"}}])
    })
    .await;
    backend
        .post(
            "/user_state",
            json!({"user": "demo:bob", "user_state": {"color": "blue"}}),
        )
        .await;
    eventually("bob is blue", async || {
        users().await[1]["state"]["color"] == "blue"
    })
    .await;
    backend
        .unsigned(
            reqwest::Method::GET,
            &format!("/disconnect?conn_id={conn_id}"),
        )
        .send()
        .await
        .unwrap();
    eventually("bob has left", async || users().await == json!([alice])).await;
    window.run("connection.destroy()").await;
    assert_eq!(
        window
            .run("return [connection.status, connection.connected]")
            .await,
        json!(["closed", false])
    );
    backend.say("demo:lobby", json!({"n": 1})).await;
    eventually("alice has left", async || {
        let info = backend
            .post("/info", json!({"info": {"channels": ["demo:lobby"]}}))
            .await;
        info["channels"]["demo:lobby"]["total_users"] == 0
    })
    .await;
    assert_eq!(window.run("return received").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn delays_between_attempts_grow_and_are_random() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let window = browser
        .open(&server.address, "/static/latest/shared/icon.svg")
        .await;
    let waits = window
        .run(
            "const { Backoff } = await import('/static/backoff.js');
             const backoff = new Backoff(() => 1000);
             const waits = Array.from({ length: 12 }, () => backoff.next());
             backoff.reset();
             return {
                 waits,
                 again: backoff.next(),
                 named: new Backoff(() => 1000).next(30_000),
                 other: new Backoff(() => 1000).next(),
             };",
        )
        .await;
    let waits_in_ms: Vec<f64> = waits["waits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|wait| wait.as_f64().unwrap())
        .collect();
    for (attempt, wait) in waits_in_ms.iter().enumerate() {
        let longest = (1000.0 * 2f64.powi(i32::try_from(attempt).unwrap())).min(60_000.0);
        assert!((longest / 2.0..=longest).contains(wait), "{waits_in_ms:?}");
    }
    assert!((500.0..=1000.0).contains(&waits["again"].as_f64().unwrap()));
    assert!((30_000.0..=45_000.0).contains(&waits["named"].as_f64().unwrap()));
    assert_ne!(waits["again"], waits["other"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_types_of_the_client_name_exactly_its_members() {
    let types = include_str!("../../clients/javascript/src/channelstream.d.ts");
    let class = types
        .split("export class ChannelStreamConnection {")
        .nth(1)
        .unwrap()
        .split("\n}")
        .next()
        .unwrap();
    let words = |line: &str| {
        line.trim()
            .trim_start_matches("static ")
            .trim_start_matches("readonly ")
            .to_owned()
    };
    let is_name = |letter: char| letter.is_ascii_alphanumeric();
    let members = class
        .lines()
        .filter(|line| !line.trim().starts_with("/**"))
        .map(words);
    let mut named: Vec<String> = members
        .filter_map(|line| Some(line.split(|letter| !is_name(letter)).next()?.to_owned()))
        .collect();
    named.retain(|name| !name.is_empty());
    named.sort_unstable();
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let window = browser
        .open(&server.address, "/static/latest/shared/icon.svg")
        .await;
    let there = window
        .run(
            "const { ChannelStreamConnection } = await import('/static/channelstream.js');
             const own = Object.getOwnPropertyNames;
             const names = [
                 ...own(new ChannelStreamConnection()),
                 ...own(ChannelStreamConnection.prototype),
                 'version',
             ];
             return names.filter((name) => name !== 'constructor').sort();",
        )
        .await;
    assert_eq!(json!(named), there);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_have_the_version_of_their_server() {
    let version = env!("CARGO_PKG_VERSION");
    let package: Value =
        serde_json::from_str(include_str!("../../clients/javascript/package.json")).unwrap();
    assert_eq!(package["version"], version);
    let project = include_str!("../../clients/python/pyproject.toml");
    assert!(
        project.contains(&format!("\nversion = \"{version}\"\n")),
        "pyproject.toml has another version than {version}"
    );
    let code = include_str!("../../clients/javascript/src/channelstream.js");
    assert!(
        code.contains(&format!("return '{version}';")),
        "channelstream.js has another version than {version}"
    );
}
