//! Tests of the addresses on which the server listens, and of what it serves at each.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::{Server, command};
use crate::support::signing::{now, sign};
use crate::support::websocket::WebSocket;

/// Returns the path of a Unix socket that does not exist yet.
fn free_path() -> PathBuf {
    std::env::temp_dir().join(format!("{}.sock", uuid::Uuid::new_v4()))
}

/// Sends a request over a Unix socket. Returns the whole answer.
async fn ask(path: &PathBuf, method: &str, target: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let signature = sign("secret", target, now());
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         X-Channelstream-Secret: {signature}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Returns the status of a request to this address.
async fn status(address: &str, method: Method, path: &str) -> u16 {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http
        .request(method, format!("http://{address}{path}"))
        .header("x-channelstream-secret", sign("secret", path, now()));
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_in_the_list_serves_clients_and_calls() {
    let path = free_path();
    let listen = format!("127.0.0.1:0, [::1]:0, unix:{}", path.display());
    let server = Server::start(&[("listen", &listen), ("presence-grace", "0.05")]);
    let second = server.logged_address("serving on http://[::1]:");
    assert_eq!(status(&second, Method::GET, "/health").await, 200);
    let answer = ask(
        &path,
        "POST",
        "/connect",
        r#"{"username": "alice", "channels": ["room"]}"#,
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let conn_id = body["conn_id"].as_str().unwrap();

    let stream = UnixStream::connect(&path).await.unwrap();
    let url = format!("ws://localhost/ws?conn_id={conn_id}");
    let (mut websocket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    Backend::of(&server).say("room", json!({"n": 1})).await;
    let frame = loop {
        let frame = websocket.next().await.unwrap().unwrap().to_string();
        if frame.contains("\"message\"") {
            break frame;
        }
    };
    assert!(frame.contains("{\"n\":1}"), "{frame}");
    // The server also notices on this kind of socket that a page goes away.
    drop(websocket);
    let backend = Backend::of(&server);
    eventually("alice has parted", async || {
        let body = json!({"info": {"channels": ["room"]}});
        let info = backend.post("/info", body).await;
        info["channels"]["room"]["total_users"] == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_socket_is_replaced_and_a_live_one_is_refused() {
    let path = free_path();
    let listen = format!("127.0.0.1:0, unix:{}", path.display());
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let mut first = Server::start(&[("listen", &listen)]);
    assert!(ask(&path, "GET", "/health", "").await.contains(" 200 "));
    let (code, text) = command(&["--listen", &listen], &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains(&format!(
            "cannot listen on unix:{}: another process listens on it; \
             stop that process, or choose another path",
            path.display()
        )),
        "{text}"
    );
    assert!(ask(&path, "GET", "/health", "").await.contains(" 200 "));
    first.kill();
    let _second = Server::start(&[("listen", &listen)]);
    assert!(ask(&path, "GET", "/health", "").await.contains(" 200 "));

    let file = std::env::temp_dir().join(uuid::Uuid::new_v4().to_string());
    std::fs::write(&file, "text").unwrap();
    let (code, text) = command(&["--listen", &format!("unix:{}", file.display())], &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("is not a socket"), "{text}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "text");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_address_serves_clients_only_where_there_is_an_internal_one() {
    let server = Server::start(&[("internal-listen", "127.0.0.1:0"), ("demo", "true")]);
    let internal = server.logged_address("(internal_listen)");
    let public = server.address.clone();
    assert_ne!(public, internal);
    for (method, path) in [
        (Method::POST, "/message"),
        (Method::POST, "/connect"),
        (Method::POST, "/info"),
        (Method::GET, "/health"),
        (Method::GET, "/ready"),
        (Method::GET, "/health/live"),
        (Method::GET, "/health/ready"),
        (Method::GET, "/metrics"),
        (Method::GET, "/admin"),
        (Method::GET, "/admin/sign_in"),
        (Method::GET, "/admin/admin.json"),
        (Method::GET, "/admin/backup"),
        (Method::GET, "/api-explorer"),
        (Method::GET, "/openapi.json"),
        (Method::GET, "/static/latest/panel/panel.js"),
        (Method::GET, "/demo"),
        (Method::GET, "/"),
    ] {
        let [outside, inside] = [&public, &internal].map(|address| {
            let (method, address) = (method.clone(), address.clone());
            async move { status(&address, method, path).await }
        });
        assert_eq!(outside.await, 404, "{method} {path}");
        assert_ne!(inside.await, 404, "{method} {path}");
    }
    for path in ["/static/channelstream.js", "/static/channelstream/index.js"] {
        assert_eq!(status(&public, Method::GET, path).await, 200, "{path}");
    }

    // Clients listen at the public address, and the application calls the internal one.
    let backend = Backend::at(&internal);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut websocket = WebSocket::open(&public, &conn_id).await.unwrap();
    backend.say("room", json!({"n": 1})).await;
    while websocket.event().await["type"] != "message" {}
    let polling = backend.connect("bob", &["room"]).await;
    for path in [
        format!("/listen?conn_id={polling}"),
        format!("/disconnect?conn_id={polling}"),
    ] {
        assert_eq!(status(&public, Method::GET, &path).await, 200, "{path}");
    }
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let streaming = backend.connect("carol", &["room"]).await;
    let stream = http.get(format!("http://{public}/sse?conn_id={streaming}"));
    assert_eq!(stream.send().await.unwrap().status(), 200);
    // The demo's backend reaches its server too.
    let joined = http
        .post(format!("http://{internal}/demo/connect"))
        .json(&json!({"username": "dora"}));
    assert_eq!(joined.send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_find_a_server_that_takes_calls_by_a_unix_socket_only() {
    let path = free_path();
    let internal = format!("unix:{}", path.display());
    let _server = Server::start(&[("internal-listen", &internal)]);
    let health = |address: &str| command(&["--internal-listen", address, "health"], &[]);
    assert_eq!(health(&internal).0, Some(0));
    let nowhere = format!("unix:{}", free_path().display());
    let (code, text) = health(&nowhere);
    assert_eq!(code, Some(1));
    assert!(text.contains(&nowhere), "{text}");
    let answer = ask(&path, "POST", "/message", "[]").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn settings_that_open_the_server_are_named() {
    for (flags, expected) in [
        (
            vec!["--listen", "127.0.0.1:1, [::]:2"],
            "listen = \"[::]:2\" lets others reach this server",
        ),
        (
            vec!["--internal-listen", "10.0.0.1:80"],
            "internal_listen = \"10.0.0.1:80\" lets others reach this server",
        ),
        (
            vec!["--listen", "8000"],
            "--listen 8000: 8000: expected an address and a port",
        ),
        (
            vec!["--listen", "unix:/x", "--demo", "true"],
            "demo = true: the demo calls this server over TCP",
        ),
    ] {
        let arguments = [flags.as_slice(), &["config", "check"]].concat();
        let (code, text) = command(&arguments, &[]);
        assert_eq!(code, Some(78), "{flags:?}: {text}");
        assert!(text.contains(expected), "{flags:?}: {text}");
    }
    let (code, text) = command(
        &["--listen", "unix:/x", "--port", "1", "config", "check"],
        &[],
    );
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("host and port have no effect, since listen is set"),
        "{text}"
    );
}
