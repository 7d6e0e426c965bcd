//! Tests of the browser client when a page closes it at a bad moment, or when the application
//! answers badly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::connecting::{PAGE, open, wait_for_status};
use crate::support::application::{Application, Call};
use crate::support::browser::{Browser, Window};
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;

/// Opens a page that is not connected. Its application passes all calls on.
async fn open_page() -> (Server, Browser, Application, Window) {
    let (server, browser) = (Server::start(&[]), Browser::start().await);
    let application = Application::passing_on(PAGE, &server).await;
    let window = open(&browser, &application, &server).await;
    (server, browser, application, window)
}

fn paths(calls: &[Call]) -> Vec<&str> {
    calls
        .iter()
        .map(|call| call.path.split('?').next().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_disconnects_while_it_connects_names_no_connection_and_can_connect_again() {
    let server = Server::start(&[]);
    let browser = Browser::start().await;
    let permits = Arc::new(Semaphore::new(0));
    let mut application = Application::passing_on_with_permits(PAGE, &server, &permits).await;
    let window = open(&browser, &application, &server).await;
    window
        .run("connection.disconnectUrl = '/disconnect'; connection.connect();")
        .await;
    assert_eq!(application.call().await.path, "/connect");
    window.run("await connection.disconnect()").await;
    assert_eq!(
        window
            .run("return [connection.status, connection.connectionId]")
            .await,
        json!(["closed", null])
    );
    permits.add_permits(2);
    window.run("connection.connect()").await;
    wait_for_status(&window, "listening").await;
    // The id that was disconnected is not used again. Later calls wait for the next connection.
    let before = window
        .run(
            "const before = connection.connectionId;
             await connection.disconnect();
             window.changed = connection.subscribe(['quiet']);
             return before;",
        )
        .await;
    permits.add_permits(1);
    window.run("connection.connect(); await changed").await;
    let calls = application.calls();
    assert_eq!(
        paths(&calls),
        ["/connect", "/disconnect", "/connect", "/subscribe"]
    );
    assert_eq!(calls[1].body["conn_id"], before);
    assert_ne!(calls[3].body["conn_id"], before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_disconnects_when_it_is_told_of_the_connection_does_not_listen() {
    let (_server, _browser, mut application, window) = open_page().await;
    window
        .run(
            "window.listened = 0;
             connection.disconnectUrl = '/disconnect';
             connection.beforeListeningCallback = () => (listened += 1);
             connection.connectCallback = () => connection.disconnect();
             connection.connect();",
        )
        .await;
    assert_eq!(application.call().await.path, "/connect");
    assert!(application.call().await.path.starts_with("/disconnect?"));
    assert_eq!(
        window.run("return [connection.status, listened]").await,
        json!(["closed", 0])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_does_not_want_to_come_back_is_closed_by_the_end_unless_it_listens_anew() {
    let (_server, _browser, _application, window) = open_page().await;
    window.run("connection.connect()").await;
    wait_for_status(&window, "listening").await;
    let breaks = "connection.websocket.dispatchEvent(new CloseEvent('close', { code: 1006 }))";
    window
        .run(&format!(
            "connection.shouldReconnect = false;
             connection.listenCloseCallback = () => connection.startListening();
             statuses.length = 0;
             {breaks};"
        ))
        .await;
    eventually("the client listens again", async || {
        window
            .run("return statuses.map(({ status }) => status)")
            .await
            == json!(["listening"])
    })
    .await;
    let status = window
        .run(&format!(
            "connection.listenCloseCallback = () => {{}}; {breaks}; return connection.status"
        ))
        .await;
    assert_eq!(status, "closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_an_id_is_a_failure_and_one_without_channels_changes_none() {
    let server = Server::start(&[]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let connects = Arc::new(AtomicUsize::new(0));
    let application = Application::start(PAGE, move |call| {
        let bad = [Value::Null, json!("signed in"), json!({})]
            .get(connects.fetch_add(1, Ordering::Relaxed))
            .cloned();
        let backend = backend.clone();
        async move {
            let Some(bad) = bad else {
                let (status, answer) = call.pass_on(&backend).await;
                return (status, json!({"conn_id": answer["conn_id"]}));
            };
            (200, bad)
        }
    })
    .await;
    let window = open(&browser, &application, &server).await;
    window
        .run(
            "window.told = [];
             connection.connectErrorCallback = ({ status }, data) => told.push([status, data]);
             connection.connect();",
        )
        .await;
    wait_for_status(&window, "listening").await;
    assert_eq!(
        window.run("return told").await,
        json!([[200, null], [200, "signed in"], [200, {}]])
    );
    let channels = window
        .run(
            "connection.learn({ channels: { lobby: { users: ['bob'] } } });
             await connection.subscribe(['quiet']);
             return [connection.channels, connection.users('lobby').length];",
        )
        .await;
    assert_eq!(channels, json!([["lobby"], 1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_keeps_its_arguments_when_the_page_changes_them_afterwards() {
    let (_server, _browser, mut application, window) = open_page().await;
    window
        .run(
            "const channels = ['quiet'];
             connection.addMutator('message', ({ body }) => (body.user = 'alice'));
             connection.connect();
             const subscribed = connection.subscribe(channels);
             channels.length = 0;
             await subscribed;
             const draft = { channel: 'lobby', message: { n: 1 } };
             const sent = connection.message(draft);
             draft.message = { n: 2 };
             await sent;",
        )
        .await;
    let calls = application.calls();
    assert_eq!(paths(&calls), ["/connect", "/subscribe", "/message"]);
    assert_eq!(calls[1].body["channels"], json!(["quiet"]));
    assert_eq!(
        calls[2].body,
        json!({"channel": "lobby", "message": {"n": 1}, "user": "alice"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_waits_when_a_callback_passes_its_arguments_on() {
    let (_server, _browser, _application, window) = open_page().await;
    let waits = window
        .run(
            "connection.increaseBounceIv = 50_000;
             connection.retryConnection({ status: 500 }, 'no');
             return [connection.status, statuses.at(-1).wait > 20_000];",
        )
        .await;
    assert_eq!(waits, json!(["waiting", true]));
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_a_shared_connection_again_uses_the_current_user() {
    let (_server, _browser, mut application, window) = open_page().await;
    window
        .run("connection.shareAs = 'app'; connection.connect()")
        .await;
    wait_for_status(&window, "listening").await;
    assert_eq!(application.call().await.body["username"], "alice");
    window
        .run("connection.closeConnection(); connection.username = 'bob'; connection.connect()")
        .await;
    assert_eq!(application.call().await.body["username"], "bob");
}
