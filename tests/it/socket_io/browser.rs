//! A page with the official client in a real browser.

use std::fs;

use serde_json::{Value, json};

use super::program::installed;
use crate::support::application::Application;
use crate::support::browser::{Browser, Window};
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;

/// Waits until the page has read these messages, each with whether it came by catch-up.
async fn wait_for_messages(window: &Window, expected: Value) {
    eventually(&format!("{expected} are read"), async || {
        window.run("return read").await == expected
    })
    .await;
}

/// Waits until the page listens by this transport.
async fn wait_for_transport(window: &Window, expected: &str) {
    eventually(&format!("the page uses {expected}"), async || {
        let script = "return socket.connected && socket.io.engine.transport.name";
        window.run(script).await == expected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_listens_by_each_transport_and_comes_back() {
    let server = Server::start(&[]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let library = installed("node/node_modules/socket.io-client/dist/socket.io.min.js");
    let library = fs::read_to_string(library).unwrap();
    let library = library.split("//# sourceMappingURL").next().unwrap();
    let page = format!(
        "<!DOCTYPE html><title>A page</title><link rel=icon href=data:,><script>{library}</script>"
    );
    let application = Application::passing_on(&page, &server).await;
    for transport in ["", "polling", "websocket"] {
        let conn_id = backend.connect("alice", &["room"]).await;
        let window = browser.open(&application.address, "/").await;
        let options = if transport.is_empty() {
            json!({})
        } else {
            json!({"transports": [transport]})
        };
        window
            .run(&format!(
                "window.read = [];
                 window.told = [];
                 const socket = window.socket = io('http://{}', {{
                     ...{options}, auth: {{ conn_id: '{conn_id}', offsets: 1 }},
                     reconnectionDelay: 50, reconnectionDelayMax: 100,
                 }});
                 socket.on('connect', () => told.push(socket.recovered));
                 socket.on('message', (events) => events.forEach(
                     ({{ message, catchup }}) => message.n > 0
                         ? read.push([message.n, catchup])
                         : (window.isLive = !catchup)));
                 socket.on('disconnect', (reason) => told.push(reason));",
                server.address
            ))
            .await;
        let expected = if transport == "polling" {
            "polling"
        } else {
            "websocket"
        };
        wait_for_transport(&window, expected).await;
        // What is published while the page changes its transport is marked.
        eventually("the page hears what is published now", async || {
            backend.say("room", json!({"n": 0})).await;
            window.run("return window.isLive").await == true
        })
        .await;
        backend.say("room", json!({"n": 1})).await;
        wait_for_messages(&window, json!([[1, false]])).await;
        window
            .run("socket.io.reconnection(false); socket.io.engine.transport.onError('cut')")
            .await;
        backend.say("room", json!({"n": 2})).await;
        window
            .run("socket.io.reconnection(true); socket.connect()")
            .await;
        wait_for_messages(&window, json!([[1, false], [2, true]])).await;
        assert_eq!(
            window.run("return told").await,
            json!([false, "transport error", true]),
            "{transport:?}"
        );
        // A clean close, after which the page comes back by itself.
        window.run("socket.disconnect().connect()").await;
        backend.say("room", json!({"n": 3})).await;
        eventually("the page reads the third message once", async || {
            let read = window.run("return read.map(([n]) => n)").await;
            read == json!([1, 2, 3])
        })
        .await;
        wait_for_transport(&window, expected).await;
        backend
            .post("/disconnect", json!({"conn_id": conn_id}))
            .await;
        eventually("the page is told to stay away", async || {
            window.run("return [told.at(-1), socket.active]").await
                == json!(["io server disconnect", false])
        })
        .await;
        let problems = window.console_problems().await;
        let told = window.run("return told").await;
        assert_eq!(problems, Vec::<String>::new(), "{transport:?}: {told}");
        window.close().await;
    }
}
