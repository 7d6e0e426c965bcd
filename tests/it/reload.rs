//! SIGHUP makes the server read its settings again. Settings that can change while it runs do so
//! without a lost request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use reqwest::{Method, redirect};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::{Server, settings_file as file};
use crate::support::signing::{now, sign};
use crate::support::websocket::WebSocket;

const OLD: &str = "the old secret, long enough";
const NEW: &str = "the new secret, long enough";

/// Returns the status of a call that is signed with this secret.
async fn call(address: &str, secret: &str) -> u16 {
    let request = Backend::at(address)
        .unsigned(Method::POST, "/message")
        .header("x-channelstream-secret", sign(secret, "/message", now()))
        .json(&json!([]));
    request.send().await.unwrap().status().as_u16()
}

/// Backends that make calls all the time. All calls must be answered 200.
struct Callers {
    /// Whether they sign with the new secret.
    is_new: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    /// The number of calls that each backend has made.
    made: Vec<Arc<AtomicUsize>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Callers {
    fn start(server: &Server) -> Self {
        let mut callers = Self {
            is_new: Arc::default(),
            is_over: Arc::default(),
            made: (0..4).map(|_| Arc::default()).collect(),
            tasks: Vec::new(),
        };
        for made in &callers.made {
            let (is_new, is_over) = (callers.is_new.clone(), callers.is_over.clone());
            let (address, made) = (server.address.clone(), made.clone());
            callers.tasks.push(tokio::spawn(async move {
                while !is_over.load(Relaxed) {
                    let secret = if is_new.load(Relaxed) { NEW } else { OLD };
                    assert_eq!(call(&address, secret).await, 200);
                    made.fetch_add(1, Relaxed);
                }
            }));
        }
        callers
    }

    /// Waits until each backend has begun and ended a call after this moment.
    async fn go_on(&self) {
        let counts = || self.made.iter().map(|made| made.load(Relaxed));
        let before: Vec<_> = counts().collect();
        eventually("each backend has called", async || {
            counts().zip(&before).all(|(now, before)| now > before + 1)
        })
        .await;
    }

    async fn sign_with_new(&self, is_new: bool) {
        self.is_new.store(is_new, Relaxed);
        self.go_on().await;
    }

    async fn end(self) {
        self.is_over.store(true, Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

/// Returns settings with these secrets and more keys.
fn settings(secrets: &[&str], more: &str) -> String {
    format!("secret = {secrets:?}\nadmin_secret = \"the password, long\"\n{more}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_replaced_without_losing_a_call_or_a_client() {
    let path = file("rotated.toml", &settings(&[OLD], ""));
    let server = Server::start(&[("config", &path)]);
    let connect = Backend::of(&server)
        .unsigned(Method::POST, "/connect")
        .header("x-channelstream-secret", sign(OLD, "/connect", now()))
        .json(&json!({"username": "alice", "channels": ["room"]}));
    let answer: serde_json::Value = connect.send().await.unwrap().json().await.unwrap();
    let conn_id = answer["conn_id"].as_str().unwrap();
    let mut websocket = WebSocket::open(&server.address, conn_id).await.unwrap();

    let callers = Callers::start(&server);
    let reload = async |secrets: &[&str]| {
        std::fs::write(&path, settings(secrets, "")).unwrap();
        server.hang_up();
        server.log_line("the settings were read again (SIGHUP); changed: secret");
        callers.go_on().await;
    };
    for _ in 0..3 {
        callers.go_on().await;
        reload(&[NEW, OLD]).await;
        callers.sign_with_new(true).await;
        reload(&[NEW]).await;
        reload(&[OLD, NEW]).await;
        callers.sign_with_new(false).await;
        reload(&[OLD]).await;
    }
    callers.end().await;
    let message = json!([{"user": "backend", "channel": "room", "message": {"n": 1}}]);
    let publish = Backend::of(&server)
        .unsigned(Method::POST, "/message")
        .header("x-channelstream-secret", sign(OLD, "/message", now()))
        .json(&message);
    assert_eq!(publish.send().await.unwrap().status(), 200);
    while websocket.event().await["type"] != "message" {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_a_file_of_its_own_is_read_again() {
    let secret = file("secret", &format!("{OLD}\n"));
    let server = Server::start_with(&[], &[("CHANNELSTREAM_SECRET_FILE", &secret)]);
    assert_eq!(call(&server.address, OLD).await, 200);
    std::fs::write(&secret, format!("{NEW}\n")).unwrap();
    server.hang_up();
    server.log_line("the settings were read again (SIGHUP); changed: secret");
    assert_eq!(call(&server.address, NEW).await, 200);
    assert_eq!(call(&server.address, OLD).await, 401);
    std::fs::remove_file(&secret).unwrap();
    server.hang_up();
    let line = server.log_line("the former settings stay in force");
    assert!(line.contains("secret_file"), "{line}");
    assert!(!line.contains("new secret"), "{line}");
    assert_eq!(call(&server.address, NEW).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn unchangeable_settings_are_named_and_the_others_apply_at_once() {
    let path = file("partly.toml", &settings(&[OLD], ""));
    let server = Server::start(&[("config", &path)]);
    let more = "workers = 3\nclose_grace = 2\nallow_origins = [\"https://app.example\"]\n";
    std::fs::write(&path, settings(&[OLD], more)).unwrap();
    server.hang_up();
    server.log_line(
        "changed in the settings, but takes effect at the next start only: close_grace, workers",
    );
    server.log_line("(SIGHUP); changed: allow_origins");
    let stream = Backend::of(&server)
        .unsigned(
            Method::GET,
            &format!("/sse?conn_id={}", uuid::Uuid::new_v4()),
        )
        .header("origin", "https://evil.example");
    assert_eq!(stream.send().await.unwrap().status(), 403);

    std::fs::write(&path, "secret = \"secret\"\n").unwrap();
    server.hang_up();
    let line = server.log_line("the former settings stay in force");
    assert!(line.contains("everyone knows"), "{line}");
    std::fs::write(&path, "secert = \"x\"\n").unwrap();
    server.hang_up();
    let line = server.log_line("the former settings stay in force");
    assert!(line.contains("did you mean secret?"), "{line}");
    assert_eq!(call(&server.address, OLD).await, 200);

    std::fs::write(&path, settings(&[OLD], more)).unwrap();
    server.hang_up();
    server.log_line("nothing has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_counts_at_once_and_sessions_end_with_their_secret() {
    let with = |password: &str, cookie: &str| {
        format!("secret = \"{OLD}\"\nadmin_secret = \"{password}\"\ncookie_secret = \"{cookie}\"\n")
    };
    let path = file("password.toml", &with("the first password", "cookies, one"));
    let server = Server::start(&[("config", &path)]);
    let http = reqwest::Client::builder()
        .no_proxy()
        .cookie_store(true)
        .redirect(redirect::Policy::none())
        .build()
        .unwrap();
    let sign_in = async |password: &str| {
        let request = http
            .post(format!("http://{}/admin/sign_in", server.address))
            .form(&[("username", "admin"), ("password", password)]);
        request.send().await.unwrap().status().as_u16()
    };
    let panel = async || {
        let request = http.get(format!("http://{}/admin", server.address));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(sign_in("the first password").await, 302);
    assert_eq!(panel().await, 200);
    std::fs::write(&path, with("the other password", "cookies, one")).unwrap();
    server.hang_up();
    server.log_line("(SIGHUP); changed: admin_secret");
    assert_eq!(panel().await, 200);
    std::fs::write(&path, with("the other password", "cookies, two")).unwrap();
    server.hang_up();
    server.log_line("(SIGHUP); changed: cookie_secret");
    assert_eq!(panel().await, 302);
    assert_eq!(sign_in("the first password").await, 200);
    assert_eq!(panel().await, 302);
    assert_eq!(sign_in("the other password").await, 302);
    assert_eq!(panel().await, 200);
}
