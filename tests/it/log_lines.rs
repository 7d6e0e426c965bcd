//! Tests of log lines: they can be JSON, name their request and the reason of an end, and never
//! hold a secret.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::signing::{now, sign};
use crate::support::websocket::WebSocket;

/// Returns the id in an answer.
fn id_of(answer: &Response) -> String {
    answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned()
}

/// Returns the next line of the log with this message, as JSON.
fn line_of(server: &Server, message: &str) -> Value {
    loop {
        let line: Value = serde_json::from_str(&server.log_line(message)).unwrap();
        if line["message"] == message {
            return line;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_in_json_is_one_object_with_its_fields() {
    let flags = [("log-format", "json"), ("log-level", "DEBUG")];
    let mut server = Server::start(&flags);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("ali\nce", &["news"]).await;
    let line = line_of(&server, "connected");
    let fields = &line["fields"];
    assert_eq!(line["level"], "DEBUG");
    assert_eq!(
        line["target"],
        "channelstream_actors::connection::subscribing"
    );
    assert_eq!(fields["connection"], conn_id[..8]);
    assert_eq!(
        (&fields["user"], &fields["channels"]),
        (&json!("ali\nce"), &json!(1))
    );
    let time = line["time"].as_str().unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    // A line that must be cut is still JSON.
    let long = format!("/{}", "%22".repeat(4000));
    backend
        .unsigned(Method::POST, "/connect")
        .header("x-channelstream-secret", &long[..4000])
        .send()
        .await
        .unwrap();
    server.terminate();
    let rest = server.rest_of_log();
    assert!(!rest.is_empty());
    for line in server.start_log.iter().chain(&rest) {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for key in ["time", "level", "target", "message"] {
            assert!(line[key].is_string(), "{key} in {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_the_id_that_it_brings_or_a_new_one() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let ask = async |path: &str, id: &str| {
        let request = backend
            .unsigned(Method::GET, path)
            .header("x-request-id", id);
        id_of(&request.send().await.unwrap())
    };
    let longest = "x".repeat(128);
    for path in ["/health", "/message", "/nothing", "/listen", "/admin"] {
        for id in ["7", "a-b_c/d:e=~", &longest] {
            assert_eq!(ask(path, id).await, id, "{path}");
        }
        for id in ["a b", "", &format!("{longest}x")] {
            let new = ask(path, id).await;
            assert!(
                new.len() == 32 && new != ask(path, id).await,
                "{path}: {new}"
            );
        }
    }
    let unasked = backend
        .unsigned(Method::GET, "/health")
        .send()
        .await
        .unwrap();
    assert_eq!(id_of(&unasked).len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_about_a_request_have_its_id_even_if_actors_write_them() {
    let flags = [("log-format", "json"), ("log-level", "DEBUG")];
    let server = Server::start(&flags);
    let backend = Backend::of(&server);
    let call = async |path: &str, id: &str, body: Value| {
        let request = backend
            .request(Method::POST, path)
            .header("x-request-id", id);
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(id_of(&answer), id);
        answer.json::<Value>().await.unwrap()
    };
    let of_request = |message: &str, id: &str| {
        let line = line_of(&server, message);
        assert_eq!(line["fields"]["request"], id, "{line}");
    };
    let connected = call(
        "/connect",
        "r-connect",
        json!({"username": "a", "channels": ["news"]}),
    )
    .await;
    of_request("connected", "r-connect");
    let conn_id = connected["conn_id"].as_str().unwrap();
    let url = format!("/listen?conn_id={conn_id}");
    let draft = json!([{"user": "b", "channel": "news", "message": {}}]);
    call("/message", "r-message", draft.clone()).await;
    of_request("message", "r-message");
    let once = backend
        .request(Method::POST, "/message")
        .header("x-request-id", "r-once")
        .header("idempotency-key", "k");
    once.json(&draft).send().await.unwrap();
    of_request("message", "r-once");
    let poll = backend
        .unsigned(Method::GET, &url)
        .header("x-request-id", "r-poll");
    poll.send().await.unwrap();
    of_request("started listening", "r-poll");
    of_request("stopped listening", "r-poll");
    call(
        "/connect",
        "r-again",
        json!({"username": "a", "conn_id": conn_id}),
    )
    .await;
    of_request("connected again", "r-again");
    let unsigned = backend
        .unsigned(Method::POST, "/message")
        .header("x-request-id", "r-refused");
    unsigned.send().await.unwrap();
    let refused: Value = serde_json::from_str(&server.log_line("refused a call")).unwrap();
    assert_eq!(refused["fields"]["request"], "r-refused");
    call("/disconnect", "r-disconnect", json!({"conn_id": conn_id})).await;
    of_request("disconnected", "r-disconnect");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_transport_and_connection_has_a_line_for_its_end_with_the_reason() {
    let flags = [
        ("log-format", "json"),
        ("log-level", "DEBUG"),
        ("gc-conns-after", "1"),
        ("heartbeat-interval", "0.1"),
        ("wake-connections-after", "0.2"),
    ];
    let mut server = Server::start(&flags);
    let backend = Backend::of(&server);
    let reason = |transport: &str| {
        let line = line_of(&server, "stopped listening");
        assert_eq!(line["fields"]["transport"], transport, "{line}");
        line["fields"]["reason"].as_str().unwrap().to_owned()
    };
    let conn_id = backend.connect("a", &[]).await;
    let first = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let second = WebSocket::open(&server.address, &conn_id).await.unwrap();
    assert_eq!(reason("websocket"), "replaced");
    drop(first);
    second.close();
    assert_eq!(reason("websocket"), "client");
    backend.listen(&conn_id).await;
    assert_eq!(reason("long_poll"), "answered");
    let url = format!("/sse?conn_id={conn_id}");
    drop(backend.unsigned(Method::GET, &url).send().await.unwrap());
    assert_eq!(reason("sse"), "lost");
    let end = line_of(&server, "disconnected");
    assert_eq!(
        end["fields"]["reason"],
        "idle: nothing heard from the client"
    );
    let conn_id = backend.connect("b", &[]).await;
    let _socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    server.terminate();
    let rest = server.rest_of_log();
    let rest: Vec<Value> = rest
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let restart = rest
        .iter()
        .find(|line| line["message"] == "stopped listening");
    assert_eq!(restart.unwrap()["fields"]["reason"], "restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_and_no_body_stands_in_a_line_at_debug() {
    const SECRETS: [&str; 3] = [
        "the-secret-of-applications",
        "the-password-of-the-panel",
        "the-key-of-the-cookies",
    ];
    for format in ["text", "json"] {
        let flags = [
            ("log-format", format),
            ("log-level", "DEBUG"),
            ("secret", SECRETS[0]),
            ("admin-secret", SECRETS[1]),
            ("cookie-secret", SECRETS[2]),
        ];
        // Covers everything that any part of the program logs at debug, not only this server's own
        // lines.
        let mut server = Server::start_with(&flags, &[("RUST_LOG", "debug")]);
        let backend = Backend::of(&server);
        let mut hidden: Vec<String> = SECRETS.map(str::to_owned).to_vec();
        let call = async |method: Method, path: &str, body: Value, hidden: &mut Vec<String>| {
            let signature = sign(SECRETS[0], path, now());
            hidden.push(signature.rsplit('.').next().unwrap().to_owned());
            let request = backend.unsigned(method, path);
            let request = request.header("x-channelstream-secret", signature);
            request.json(&body).send().await.unwrap()
        };
        let body = json!({
            "username": "a",
            "channels": ["news"],
            "fresh_user_state": {"note": "hidden-state"},
            "user_state": {"note": "hidden-state"},
        });
        let connected = call(Method::POST, "/connect", body, &mut hidden).await;
        let connected: Value = connected.json().await.unwrap();
        let conn_id = connected["conn_id"].as_str().unwrap().to_owned();
        let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
        let draft =
            json!([{"user": "b", "channel": "news", "message": {"hidden-key": "hidden-text"}}]);
        call(Method::POST, "/message", draft, &mut hidden).await;
        socket.event().await;
        // Sends bodies that break rules, and one that is not JSON.
        call(
            Method::POST,
            "/message",
            json!({"message": "hidden-text"}),
            &mut hidden,
        )
        .await;
        call(
            Method::POST,
            "/connect",
            json!({"username": ["hidden-text"]}),
            &mut hidden,
        )
        .await;
        let signature = sign(SECRETS[0], "/message", now());
        hidden.push(signature.rsplit('.').next().unwrap().to_owned());
        let broken = backend.unsigned(Method::POST, &format!("/message?secret={signature}"));
        broken.body("{\"hidden-text").send().await.unwrap();
        // Uses a wrong signature, a wrong password and a right one.
        let foreign = sign("another-secret", "/info", now());
        hidden.push(foreign.rsplit('.').next().unwrap().to_owned());
        let foreign = backend
            .unsigned(Method::POST, "/info")
            .header("x-channelstream-secret", foreign);
        foreign.send().await.unwrap();
        for password in ["hidden-guess", SECRETS[1]] {
            let form = json!({"username": "admin", "password": password});
            let answer = backend
                .unsigned(Method::POST, "/admin/sign_in")
                .form(&form)
                .send()
                .await
                .unwrap();
            let cookies = answer.headers().get_all("set-cookie").iter();
            let values = cookies.map(|it| {
                it.to_str()
                    .unwrap()
                    .split(['=', ';'])
                    .nth(1)
                    .unwrap()
                    .to_owned()
            });
            hidden.extend(values.filter(|value| !value.is_empty()));
        }
        socket.close();
        tokio::time::timeout(
            Duration::from_secs(10),
            socket.ended(Duration::from_secs(9)),
        )
        .await
        .unwrap();
        server.terminate();
        let rest = server.rest_of_log();
        let has = |part: &str| rest.iter().any(|line| line.contains(part));
        for part in ["connected", "message", "stopped listening"] {
            assert!(has(part), "no log line contains {part}");
        }
        assert!(hidden.len() > 9);
        hidden.push("hidden-".to_owned());
        hidden.push(conn_id);
        for line in server.start_log.iter().chain(&rest) {
            let told = hidden.iter().find(|hidden| line.contains(hidden.as_str()));
            assert!(told.is_none(), "the log has {told:?} in {line}");
        }
    }
}
