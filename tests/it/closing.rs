//! The browser client when a page closes it at a bad moment, or when the application answers badly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::connecting::{PAGE, becomes, open};
use crate::support::application::{Application, Call};
use crate::support::browser::Browser;
use crate::support::client::Backend;
use crate::support::server::Server;

/// An application that passes all calls on.
async fn application(server: &Server) -> Application {
    let backend = Backend::of(server);
    Application::start(PAGE, move |call| {
        let backend = backend.clone();
        async move { call.pass_on(&backend).await }
    })
    .await
}

fn paths(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.path.split('?').next().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_an_id_is_a_failure_and_one_without_channels_changes_none() {
    let server = Server::start(&[]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let connects = Arc::new(AtomicUsize::new(0));
    let application = Application::start(PAGE, move |call| {
        let bad = [Value::Null, json!("signed in"), json!({})].get(connects.fetch_add(1, Ordering::Relaxed)).cloned();
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
    becomes(&window, "listening").await;
    assert_eq!(window.run("return told").await, json!([[200, null], [200, "signed in"], [200, {}]]));
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
async fn a_call_carries_what_it_was_given_whatever_the_page_does_with_it_afterwards() {
    let server = Server::start(&[]);
    let browser = Browser::start().await;
    let mut application = application(&server).await;
    let window = open(&browser, &application, &server).await;
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
    assert_eq!(calls[2].body, json!({"channel": "lobby", "message": {"n": 1}, "user": "alice"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_waits_also_when_a_callback_passes_on_what_it_was_given() {
    let server = Server::start(&[]);
    let browser = Browser::start().await;
    let application = application(&server).await;
    let window = open(&browser, &application, &server).await;
    let waits = window
        .run(
            "connection.increaseBounceIv = 50_000;
             connection.retryConnection({ status: 500 }, 'no');
             return [connection.status, fate.at(-1).wait > 20_000];",
        )
        .await;
    assert_eq!(waits, json!(["waiting", true]));
}
