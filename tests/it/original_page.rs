//! Pages written for the client of Channelstream 0.7.1 work after a change of the import. The
//! functions that they call exist, and their callbacks receive what they received from the
//! original.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::application::Application;
use crate::support::browser::{Browser, Window};
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;
use crate::support::signing::sign;

const PAGE: &str = include_str!("original_page/page.html");

/// Opens the page. It is ready but not connected.
async fn open(browser: &Browser, server: &Server) -> Window {
    let application =
        Application::passing_on(&PAGE.replace("{push}", &server.address), server).await;
    let window = browser.open(&application.address, "/").await;
    window.wait_for_text("#state", "ready").await;
    window
}

/// Returns the arguments of the page's callbacks since the last call, once there are this many.
async fn callback_arguments(window: &Window, count: usize) -> Vec<Value> {
    let calls = window.run(&format!("return tells({count})")).await;
    calls.as_array().unwrap().clone()
}

const CONNECTED: &str = "channels,channels_info,conn_id,public_state,state,username";

#[tokio::test(flavor = "multi_thread")]
async fn every_callback_gets_what_the_original_gave_it() {
    let server = Server::start(&[]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let window = open(&browser, &server).await;
    window.run("connection.connect()").await;
    assert_eq!(
        callback_arguments(&window, 4).await,
        [
            json!(["channelsChangedCallback", ["lobby"]]),
            json!(["connectCallback", "request 200", CONNECTED]),
            json!(["beforeListeningCallback", "request 200", CONNECTED]),
            json!(["listenOpenedCallback", "open"]),
        ]
    );
    window
        .wait_for_text("#state", "connected as alice, true")
        .await;
    backend.say("lobby", json!({"text": "hello"})).await;
    assert_eq!(
        callback_arguments(&window, 1).await,
        [json!(["listenMessageCallback", ["message"]])]
    );
    window
        .run("connection.subscribe(connection.calculateSubscribe(['lobby', 'quiet']))")
        .await;
    assert_eq!(
        callback_arguments(&window, 2).await,
        [
            json!(["channelsChangedCallback", ["lobby", "quiet"]]),
            json!([
                "subscribeCallback",
                "request 200",
                "channels,channels_info,subscribed_to"
            ]),
        ]
    );
    window
        .run("connection.unsubscribe(connection.calculateUnsubscribe(['quiet', 'other']))")
        .await;
    assert_eq!(
        callback_arguments(&window, 2).await,
        [
            json!(["channelsChangedCallback", ["lobby"]]),
            json!([
                "unsubscribeCallback",
                "request 200",
                "channels,channels_info,unsubscribed_from"
            ]),
        ]
    );
    window
        .run(
            "connection.listenMessageCallback = () => {};
             const uuid = crypto.randomUUID();
             connection.message({ channel: 'lobby', message: { text: 'one' }, uuid });
             connection.edit({ channel: 'lobby', message: { text: 'two' }, uuid, user: 'alice' });
             connection.delete({ channel: 'lobby', uuid, user: 'alice' });
             connection.updateUserState({ color: 'red' });
             connection.message({ channel: 'x'.repeat(300) });",
        )
        .await;
    // The order of the answers is not defined.
    let mut calls = callback_arguments(&window, 5).await;
    calls.sort_by_key(Value::to_string);
    assert_eq!(
        calls,
        [
            json!(["messageCallback", "request 200", ["object"]]),
            json!(["messageDeleteCallback", "request 200", ["object"]]),
            json!(["messageEditCallback", "request 200", ["object"]]),
            json!(["messageErrorCallback", "request 422", "0"]),
            json!([
                "setUserStateCallback",
                "request 200",
                "changed_state,public_keys,user_state"
            ]),
        ]
    );
    window.run("connection.disconnect()").await;
    assert_eq!(
        callback_arguments(&window, 2).await,
        [
            json!(["connectionClosedCallback"]),
            json!(["disconnectCallback", "request 200", true])
        ]
    );
    assert_eq!(
        window.console_problems().await.len(),
        1,
        "nothing but the refused message"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_and_errors_are_reported_by_events_of_the_browser() {
    let server = Server::start(&[]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let window = open(&browser, &server).await;
    window.run("connection.connect()").await;
    callback_arguments(&window, 4).await;
    let disconnect = async || {
        let conn_id = window.run("return connection.connectionId").await;
        backend
            .unsigned(reqwest::Method::POST, "/disconnect")
            .json(&json!({"conn_id": conn_id}))
            .send()
            .await
            .unwrap();
    };
    disconnect().await;
    let again = [
        json!(["channelsChangedCallback", ["lobby"]]),
        json!(["connectCallback", "request 200", CONNECTED]),
        json!(["beforeListeningCallback", "request 200", CONNECTED]),
        json!(["listenOpenedCallback", "open"]),
    ];
    assert_eq!(
        callback_arguments(&window, 5).await,
        [&[json!(["listenCloseCallback", "close 1000"])], &again[..]].concat()
    );
    // Nothing listens at this address. The browser reports an error and a close, and the page falls
    // back to polls.
    window
        .run(
            "connection.websocketUrl = 'ws://127.0.0.1:9/ws';
             connection.transports = ['websocket'];
             connection.startListening()",
        )
        .await;
    let failing = callback_arguments(&window, 3).await;
    assert_eq!(
        failing[..3],
        [
            json!(["beforeListeningCallback"]),
            json!(["listenErrorCallback", "error"]),
            json!(["listenCloseCallback", "close 1006"]),
        ]
    );
    // The server refuses a poll.
    window
        .run("connection.shouldReconnect = false; connection.openLongPoll(); tells(0)")
        .await;
    let opened = callback_arguments(&window, 1).await;
    assert_eq!(
        opened.last().unwrap(),
        &json!(["listenOpenedCallback", "request 0"])
    );
    disconnect().await;
    assert_eq!(
        callback_arguments(&window, 1).await,
        [json!(["listenErrorCallback", "request 401", "request"])]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_uses_the_transport_that_the_page_opens() {
    let server = Server::start(&[]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let window = open(&browser, &server).await;
    window.run("connection.connect()").await;
    callback_arguments(&window, 4).await;
    for (open, transport) in [
        ("openLongPoll", "long-poll"),
        ("openWebsocket", "websocket"),
    ] {
        window.run(&format!("connection.{open}()")).await;
        assert_eq!(
            callback_arguments(&window, 1).await[0][0],
            "listenOpenedCallback"
        );
        assert_eq!(window.run("return connection.transport").await, transport);
        backend.say("lobby", json!({"by": transport})).await;
        assert_eq!(
            callback_arguments(&window, 1).await,
            [json!(["listenMessageCallback", ["message"]])],
            "{transport}"
        );
        let has_websocket = window
            .run("return connection.websocket instanceof WebSocket")
            .await;
        assert_eq!(has_websocket, transport == "websocket");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_have_a_websocket_of_its_own_and_give_signs_of_life_on_it() {
    let server = Server::start(&[]);
    let browser = Browser::start().await;
    let window = open(&browser, &server).await;
    window.run("connection.connect()").await;
    callback_arguments(&window, 4).await;
    let beaten = window
        .run(
            "connection.closeConnection();
             // Ten seconds pass in a tenth of a second.
             const inTime = setInterval;
             window.setInterval = (run, wait) => inTime(run, wait / 100);
             const { websocketUrl, connectionId } = connection;
             const own = new WebSocket(`${websocketUrl}?conn_id=${connectionId}`);
             const sent = [];
             own.send = (text) => sent.push(text) && WebSocket.prototype.send.call(own, text);
             connection.websocket = own;
             connection.createHeartBeats();
             connection.createHeartBeats();
             const start = performance.now();
             while (sent.length < 3 && performance.now() - start < 15_000) {
                 await new Promise((go) => inTime(go, 10));
             }
             connection.heartbeats = false;
             const before = sent.length;
             await new Promise((go) => setTimeout(go, 300));
             const after = sent.length;
             connection.closeConnection();
             connection.websocket = null;
             const isClosed = own.readyState > WebSocket.OPEN;
             return [connection.websocket, sent[0], before, after, isClosed];",
        )
        .await;
    assert_eq!(
        beaten,
        json!([null, "{\"type\":\"heartbeat\"}", 3, 3, true])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signer_signs_as_the_server_does() {
    let server = Server::start(&[]);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let window = open(&browser, &server).await;
    let signatures = window
        .run(
            "const signer = new Signer('secret');
             const paths = Array.from({ length: 100 }, (_, n) => '/message/' + 'ä'.repeat(n));
             return [signer.signRequest(), ...paths.map((path) => signer.signRequest(path))];",
        )
        .await;
    for signature in signatures.as_array().unwrap() {
        let signature = signature.as_str().unwrap();
        let mut parts = signature.rsplitn(3, '.');
        let (_, time, text) = (parts.next(), parts.next().unwrap(), parts.next().unwrap());
        let seconds = URL_SAFE_NO_PAD
            .decode(time)
            .unwrap()
            .iter()
            .fold(0, |time, byte| time << 8 | u64::from(*byte));
        assert_eq!(signature, sign("secret", text, seconds));
    }
    let first = signatures[0].as_str().unwrap();
    assert!(first.starts_with("channelstream."), "{first}");
    let info = async || {
        let request = backend
            .unsigned(reqwest::Method::POST, "/info")
            .header("x-channelstream-secret", first);
        request.send().await.unwrap().status() == 200
    };
    eventually("the server accepts it", info).await;
    // The original's file that exports only the signer.
    let alone = window
        .run(&format!(
            "const {{ ChannelStreamSigner }} =
                 await import('http://{}/static/channelstream/signer.js');
             return new ChannelStreamSigner('secret').secret",
            server.address
        ))
        .await;
    assert_eq!(alone, "secret");
}
