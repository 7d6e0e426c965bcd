//! Tests of the browser client between `connect()` and the end of the connection: the calls that
//! wait for the connection, the rosters that pages receive, and the errors after which it gives up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::application::Application;
use crate::support::browser::{Browser, Window};
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;

pub(crate) const PAGE: &str = "<!doctype html><title>A page</title><link rel=icon href=data:,>";

/// Opens a page and makes `connection`, which adds its changes of status to `statuses`.
pub(crate) async fn open(browser: &Browser, application: &Application, server: &Server) -> Window {
    let window = browser.open(&application.address, "/").await;
    prepare(&window, server).await;
    window
}

async fn prepare(window: &Window, server: &Server) {
    let push = &server.address;
    window
        .run(&format!(
            "const {{ ChannelStreamConnection }} =
                 await import('http://{push}/static/channelstream/index.js');
             const connection = window.connection = new ChannelStreamConnection();
             connection.username = 'alice';
             connection.channels = ['lobby'];
             for (const kind of ['connect', 'subscribe', 'unsubscribe', 'message']) {{
                 connection[`${{kind}}Url`] = `/${{kind}}`;
             }}
             connection.websocketUrl = 'ws://{push}/ws';
             connection.increaseBounceIv = 20;
             window.statuses = [];
             connection.on('status', (status) =>
                 statuses.push({{ ...status, at: performance.now() }}),
             );
             window.received = [];
             connection.on('message', ({{ message }}) => received.push(message.n));"
        ))
        .await;
}

pub(crate) async fn wait_for_status(window: &Window, status: &str) {
    eventually(&format!("it is {status}"), async || {
        window.run("return connection.status").await == status
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_channels_wait_until_it_is_connected() {
    let server = Server::start(&[]);
    let browser = Browser::start().await;
    let permits = Arc::new(Semaphore::new(0));
    let mut application = Application::passing_on_with_permits(PAGE, &server, &permits).await;
    let window = open(&browser, &application, &server).await;
    // The calls are made before, while and after it connects. The last one does not wait.
    window
        .run(
            "window.answers = [];
             const note = (changed) => changed.then(
                 ({ channels }) => answers.push(channels),
                 (error) => answers.push(String(error)),
             );
             note(connection.subscribe(['first']));
             connection.connect();
             note(connection.subscribe(['second', 'third']));
             note(connection.unsubscribe(['second']));",
        )
        .await;
    assert_eq!(application.call().await.path, "/connect");
    permits.add_permits(1);
    eventually("all are answered", async || {
        window.run("return answers.length === 3").await == true
    })
    .await;
    let answers = window
        .run("return [...answers, connection.channels, connection.connectionId]")
        .await;
    let with_second = json!(["first", "lobby", "second", "third"]);
    let all = json!(["first", "lobby", "third"]);
    assert_eq!(
        answers.as_array().unwrap()[..4],
        [json!(["first", "lobby"]), with_second, all.clone(), all]
    );
    let calls = application.calls();
    let paths: Vec<_> = calls.iter().map(|call| call.path.as_str()).collect();
    assert_eq!(paths, ["/subscribe", "/subscribe", "/unsubscribe"]);
    assert!(
        calls.iter().all(|call| call.body["conn_id"] == answers[4]),
        "{calls:?}"
    );
    // A call that a page makes as it leaves is sent.
    window
        .run("connection.unsubscribe(['third']); connection.closeConnection();")
        .await;
    assert_eq!(application.call().await.body["channels"], json!(["third"]));
    // If it is closed while it connects, the waiting calls end.
    window
        .run(
            "answers.length = 0;
             connection.connect();
             connection.subscribe(['x']).catch((error) => answers.push(error.name));
             connection.closeConnection();",
        )
        .await;
    eventually("it fails", async || {
        window.run("return answers").await == json!(["RequestError"])
    })
    .await;
    assert!(
        application
            .calls()
            .iter()
            .all(|call| call.path != "/subscribe")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_roster_is_told_after_connecting_and_after_subscribing() {
    let server = Server::start(&[("gc-conns-after", "600")]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    backend.connect("bob", &["lobby", "quiet"]).await;
    let application = Application::passing_on(PAGE, &server).await;
    let window = open(&browser, &application, &server).await;
    window
        .run(
            "window.rosters = [];
             const names = (channel) => connection.users(channel).map(({ user }) => user).join();
             connection.on('roster', () => rosters.push([names('lobby'), names('quiet')]));
             connection.connect();",
        )
        .await;
    let rosters = async |expected: Value| {
        eventually(&format!("{expected} is told"), async || {
            window.run("return rosters").await == expected
        })
        .await;
    };
    // These channels send no presence events, so the roster can only come from the answers.
    rosters(json!([["alice,bob", ""]])).await;
    window.run("await connection.subscribe(['quiet'])").await;
    rosters(json!([["alice,bob", ""], ["alice,bob", "alice,bob"]])).await;
    window.run("await connection.unsubscribe(['lobby'])").await;
    rosters(json!([
        ["alice,bob", ""],
        ["alice,bob", "alice,bob"],
        ["", "alice,bob"]
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn async_mutators_are_awaited_and_one_that_fails_fails_its_call() {
    let server = Server::start(&[]);
    let browser = Browser::start().await;
    let mut application = Application::passing_on(PAGE, &server).await;
    let window = open(&browser, &application, &server).await;
    window
        .run(
            "const later = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));
             const token = async (request) => {
                 await later(30);
                 request.headers.push({ name: 'X-CSRF-Token', value: 'fetched' });
             };
             ['connect', 'message'].forEach((kind) => connection.addMutator(kind, token));
             connection.addMutator('message', ({ headers, body }) => (body.seen = headers.length));
             connection.connect();",
        )
        .await;
    wait_for_status(&window, "listening").await;
    window
        .run("await connection.message({ user: 'alice', channel: 'lobby', message: { n: 1 } })")
        .await;
    let [connect, message] = [application.call().await, application.call().await];
    for call in [&connect, &message] {
        assert_eq!(call.header("x-csrf-token"), Some("fetched"), "{call:?}");
    }
    assert_eq!(
        message.body["seen"], 1,
        "the second mutator ran before the first had ended"
    );
    let failed = window
        .run(
            "connection.addMutator('message', async () => { throw new Error('no token'); });
             window.told = [];
             connection.messageErrorCallback = (request, data) => told.push([request.status, data]);
             const error = await connection.message({ channel: 'lobby' }).catch((error) => error);
             return [error.name, error.cause.message, told];",
        )
        .await;
    assert_eq!(failed, json!(["RequestError", "no token", [[0, null]]]));
    assert!(application.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_refuses_is_asked_again_only_by_connect() {
    let server = Server::start(&[]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let status = Arc::new(AtomicU16::new(0));
    let current = status.clone();
    let mut application = Application::start(PAGE, move |call| {
        let (backend, status) = (backend.clone(), current.load(Ordering::Relaxed));
        async move {
            match status {
                200 => call.pass_on(&backend).await,
                _ => (status, json!({"error": format!("not with {status}")})),
            }
        }
    })
    .await;
    let window = open(&browser, &application, &server).await;
    window
        .run(
            "window.told = [];
             connection.connectErrorCallback = ({ status }, data) =>
                 told.push([status, data.error]);",
        )
        .await;
    for code in [401, 403, 410] {
        status.store(code, Ordering::Relaxed);
        window
            .run("statuses.length = told.length = 0; connection.connect()")
            .await;
        wait_for_status(&window, "refused").await;
        let reason = format!("not with {code}");
        let last = window
            .run(
                "const { status, reason, code } = statuses.at(-1);
                 return [status, reason, code, told]",
            )
            .await;
        assert_eq!(last, json!(["refused", reason, code, [[code, reason]]]));
        // Neither a timer nor an event that makes a page active again causes another attempt. Waits
        // are 20 ms at first.
        window
            .run(
                "['online', 'focus'].forEach((type) => dispatchEvent(new Event(type)));
                 await new Promise((go) => setTimeout(go, 300));",
            )
            .await;
        assert_eq!(
            window.run("return statuses.length").await,
            2,
            "connecting, refused"
        );
        assert_eq!(application.calls().len(), 1);
    }
    // Another status leads to another attempt.
    status.store(500, Ordering::Relaxed);
    window
        .run("statuses.length = 0; connection.connect()")
        .await;
    for _ in 0..3 {
        application.call().await;
    }
    status.store(200, Ordering::Relaxed);
    wait_for_status(&window, "listening").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_that_share_a_refused_connection_are_refused_together_until_one_connects() {
    let server = Server::start(&[]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let is_signed_in = Arc::new(AtomicBool::new(false));
    let current = is_signed_in.clone();
    let application = Application::start(PAGE, move |call| {
        let (backend, is_signed_in) = (backend.clone(), current.load(Ordering::Relaxed));
        async move {
            if is_signed_in {
                call.pass_on(&backend).await
            } else {
                (403, json!("sign in"))
            }
        }
    })
    .await;
    let share = "connection.shareAs = 'app'; connection.connect()";
    let window = open(&browser, &application, &server).await;
    window.run(share).await;
    wait_for_status(&window, "refused").await;
    let leader = window.driver.window().await.unwrap();
    let follower = window.driver.new_tab().await.unwrap();
    window.driver.switch_to_window(follower).await.unwrap();
    window.goto("/").await;
    prepare(&window, &server).await;
    window.run(share).await;
    eventually("it is told why", async || {
        window.run("return statuses.at(-1).reason").await == "sign in"
    })
    .await;
    is_signed_in.store(true, Ordering::Relaxed);
    window.run("connection.connect()").await;
    wait_for_status(&window, "listening").await;
    window.driver.switch_to_window(leader).await.unwrap();
    wait_for_status(&window, "listening").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_that_tells_of_an_error_and_of_no_close_has_ended() {
    let server = Server::start(&[]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let publisher = backend.clone();
    let application = Application::passing_on(PAGE, &server).await;
    let window = open(&browser, &application, &server).await;
    window.run("connection.connect()").await;
    wait_for_status(&window, "listening").await;
    let waited = window
        .run(
            "const broken = connection.websocket;
             const start = performance.now();
             statuses.length = 0;
             broken.dispatchEvent(new Event('error'));
             while (statuses.at(-1)?.status !== 'listening') {
                 await new Promise((go) => setTimeout(go, 10));
                 if (performance.now() - start > 10_000) return 'it stays deaf';
             }
             const isClosed = broken.readyState > WebSocket.OPEN;
             const isReplaced = connection.websocket !== broken && isClosed;
             return isReplaced ? statuses.map(({ status }) => status) : 'the old one';",
        )
        .await;
    assert_eq!(waited, json!(["waiting", "listening"]));
    publisher.say("lobby", json!({"n": 1})).await;
    eventually("the message is received", async || {
        window.run("return received").await == json!([1])
    })
    .await;
}
