//! Tests of what strangers can reach, and what they cannot.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::{Server, command};
use crate::support::websocket::WebSocket;

/// Writes a settings file with this name, and returns its path.
fn settings_file(name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("{}-{name}", uuid::Uuid::new_v4()));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Calls the demo as a stranger. Returns the status and the answer.
async fn visit(backend: &Backend, method: Method, path: &str, body: Value) -> (u16, Value) {
    let response = backend
        .unsigned(method, path)
        .json(&body)
        .send()
        .await
        .unwrap();
    (
        response.status().as_u16(),
        response.json().await.unwrap_or_default(),
    )
}

async fn join(backend: &Backend, name: &str) -> Value {
    let body = json!({"username": name, "channels": ["demo:lobby"]});
    let (status, answer) = visit(backend, Method::POST, "/demo/connect", body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_that_the_demo_is_on() {
    let server = Server::start(&[("demo", "true")]);
    let line = server.log_line("the demo is on");
    assert!(
        line.contains(&format!("http://{}/demo", server.address)),
        "{line}"
    );
    let (_, shown) = command(&["config", "show"], &[("CHANNELSTREAM_DEMO", "true")]);
    assert!(shown.contains("demo = true"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ini_file_cannot_turn_the_demo_on_and_says_so() {
    for value in ["true", "http://127.0.0.1:6543"] {
        let file = settings_file(
            "a.ini",
            &format!("[channelstream]\nsecret = secret\ndemo = {value}\n"),
        );
        let (code, text) = command(&["-i", &file, "config", "check"], &[]);
        assert_eq!(code, Some(0), "{text}");
        assert!(
            text.contains("demo has no effect in an .ini file")
                && text.contains("CHANNELSTREAM_DEMO"),
            "{text}"
        );
        let server = Server::start(&[("ini", &file)]);
        assert_eq!(
            Backend::of(&server)
                .unsigned(Method::GET, "/")
                .send()
                .await
                .unwrap()
                .status(),
            404
        );
        let (_, shown) = command(&["-i", &file, "config", "show"], &[]);
        assert!(shown.contains("demo = false"), "{shown}");
        let (_, shown) = command(&["-i", &file, "--demo", "true", "config", "show"], &[]);
        assert!(shown.contains("demo = true"), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_reaches_no_user_and_no_channel_of_an_application() {
    let server = Server::start(&[("demo", "true")]);
    let backend = Backend::of(&server);
    // Alice is a user of the application, with private state, a private message and a channel with
    // history.
    let alice = json!({"username": "alice", "channels": ["news"], "user_state": {"pin": "1234"},
                       "channel_configs": {"news": {"store_history": true}}});
    let alice_conn = backend.post("/connect", alice).await["conn_id"]
        .as_str()
        .unwrap()
        .to_owned();
    backend.say("news", json!({"text": "inside"})).await;
    let secret = json!([{"user": "bob", "pm_users": ["alice"], "message": {"text": "between us"}}]);
    let secret_id = backend.post("/message", secret).await[0]["uuid"].clone();

    // A stranger who joins under her name becomes another user, and receives nothing of hers.
    let mallory = join(&backend, "alice").await;
    assert_eq!(mallory["username"], "demo:alice");
    assert!(!mallory.to_string().contains("1234"), "{mallory}");
    let (token, own_conn) = (mallory["token"].clone(), mallory["conn_id"].clone());
    let mut listener = WebSocket::open(&server.address, own_conn.as_str().unwrap())
        .await
        .unwrap();
    let received = listener
        .events(1, Duration::ZERO, Duration::from_millis(300))
        .await;
    assert!(
        !json!(received).to_string().contains("between us"),
        "{received:?}"
    );

    // Each of these calls is refused, with the reason.
    let refused = [
        (
            Method::POST,
            "connect",
            json!({"username": "eve", "channels": ["news"]}),
            422,
            "no channel \"news\"",
        ),
        (
            Method::POST,
            "connect",
            json!({"username": "eve", "channels": ["lobby"]}),
            422,
            "demo:lobby",
        ),
        (
            Method::POST,
            "subscribe",
            json!({"conn_id": own_conn, "channels": ["news"]}),
            422,
            "no channel",
        ),
        (
            Method::POST,
            "subscribe",
            json!({"conn_id": own_conn, "channels": ["demo:other"]}),
            422,
            "no channel",
        ),
        (
            Method::POST,
            "subscribe",
            json!({"conn_id": alice_conn, "channels": ["demo:lobby"]}),
            403,
            "somebody else",
        ),
        (
            Method::POST,
            "unsubscribe",
            json!({"conn_id": alice_conn, "channels": ["news"]}),
            403,
            "somebody else",
        ),
        (
            Method::POST,
            "unsubscribe",
            json!({"conn_id": own_conn, "channels": ["news"]}),
            422,
            "no channel",
        ),
        (
            Method::POST,
            "message",
            json!({"channel": "news", "text": "x"}),
            422,
            "no channel",
        ),
        (
            Method::POST,
            "message",
            json!({"to": "alice", "text": "x"}),
            422,
            "no user \"alice\"",
        ),
        (
            Method::POST,
            "message",
            json!({"to": "", "text": "x"}),
            422,
            "no user",
        ),
        (
            Method::POST,
            "message",
            json!({"to": "demo:bob", "channel": "news", "text": "x"}),
            422,
            "a channel of the demo",
        ),
        (
            Method::PATCH,
            "message",
            json!({"uuid": secret_id, "to": "alice", "text": "x"}),
            403,
            "Only the author",
        ),
        (
            Method::DELETE,
            "message",
            json!({"uuid": secret_id, "to": "alice"}),
            403,
            "Only the author",
        ),
    ];
    for (method, path, mut body, status, reason) in refused {
        body["token"] = token.clone();
        let answer = visit(&backend, method, &format!("/demo/{path}"), body.clone()).await;
        assert_eq!(answer.0, status, "{path} {body}: {}", answer.1);
        assert!(
            answer.1["error"].as_str().unwrap().contains(reason),
            "{path} {body}: {}",
            answer.1
        );
    }
    // Her own message does not help her: it can neither be edited nor deleted into a channel of the
    // application.
    let own = json!({"channel": "demo:lobby", "text": "mine", "token": token});
    let own = visit(&backend, Method::POST, "/demo/message", own).await.1[0]["uuid"].clone();
    for method in [Method::PATCH, Method::DELETE] {
        let body = json!({"uuid": own, "channel": "news", "text": "x", "token": token});
        assert_eq!(visit(&backend, method, "/demo/message", body).await.0, 422);
    }
    let state = json!({
        "update_state": {"color": "red", "owner": "x", "pin": "0"},
        "user": "alice",
        "token": token,
    });
    let (status, answer) = visit(&backend, Method::POST, "/demo/user_state", state).await;
    assert_eq!(
        (status, &answer["changed_state"]),
        (200, &json!([{"key": "color", "value": "red"}]))
    );

    // Nothing of Alice's has changed.
    let info = backend
        .post("/info", json!({"info": {"channels": ["news"]}}))
        .await;
    assert_eq!(
        info["users"],
        json!([{"user": "alice", "state": {"pin": "1234"}}])
    );
    assert_eq!(
        info["channels"]["news"]["history"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(info["channels"]["news"]["total_connections"], 1);
    let mut alice = WebSocket::open(&server.address, &alice_conn).await.unwrap();
    let texts: Vec<Value> = [alice.event().await, alice.event().await]
        .iter()
        .map(|event| event["message"]["text"].clone())
        .collect();
    assert_eq!(texts, ["inside", "between us"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_the_demo_stays_its_owners_when_the_owner_has_left() {
    let server = Server::start(&[("demo", "true"), ("presence-grace", "0")]);
    let backend = Backend::of(&server);
    let alice = join(&backend, "alice").await;
    let leave = async |who: &Value| {
        backend
            .post("/disconnect", json!({"conn_id": who["conn_id"]}))
            .await
    };
    assert_eq!(leave(&alice).await, true);
    // A private message to Alice waits for her, not for the next user with her name.
    let (status, answer) = visit(
        &backend,
        Method::POST,
        "/demo/connect",
        json!({"username": "alice"}),
    )
    .await;
    assert_eq!(
        (
            status,
            answer["error"]
                .as_str()
                .unwrap()
                .contains("This name is taken")
        ),
        (409, true)
    );
    let again = json!({"username": "alice", "token": alice["token"]});
    let (status, again) = visit(&backend, Method::POST, "/demo/connect", again).await;
    assert_eq!((status, &again["username"]), (200, &json!("demo:alice")));
    // A token is valid only for its own name, and the signature of a call is not a token.
    let other = json!({"username": "bob", "token": alice["token"]});
    let (_, bob) = visit(&backend, Method::POST, "/demo/connect", other).await;
    assert_ne!(bob["state"]["owner"], again["state"]["owner"]);
    for token in [
        "",
        "garbage",
        &crate::support::signing::sign("secret", "demo:alice", crate::support::signing::now()),
    ] {
        let body = json!({"channel": "demo:lobby", "text": "x", "token": token});
        assert_eq!(
            visit(&backend, Method::POST, "/demo/message", body).await.0,
            401,
            "{token}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_demo_ends_when_somebody_else_has_the_name() {
    let mut server = Server::start(&[("demo", "true")]);
    let first = join(&Backend::of(&server), "alice").await;
    // The server forgets the name, and another user takes it.
    server.restart();
    let backend = Backend::of(&server);
    let say = async |who: &Value| {
        let body = json!({"channel": "demo:lobby", "text": "x", "token": who["token"]});
        visit(&backend, Method::POST, "/demo/message", body).await.0
    };
    let second = join(&backend, "alice").await;
    assert_eq!((say(&second).await, say(&first).await), (200, 401));
    let back = json!({"username": "alice", "token": first["token"]});
    assert_eq!(
        visit(&backend, Method::POST, "/demo/connect", back).await.0,
        409
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_works_where_only_https_is_served() {
    let flags = [
        ("demo", "true"),
        ("enforce-https", "true"),
        ("trusted-proxies", "127.0.0.1"),
    ];
    let server = Server::start(&flags);
    let backend = Backend::of(&server);
    let join = |scheme: &'static str| {
        let request = backend
            .unsigned(Method::POST, "/demo/connect")
            .header("x-forwarded-proto", scheme);
        request.json(&json!({"username": "alice"})).send()
    };
    assert_eq!(join("http").await.unwrap().status(), 406);
    assert_eq!(join("https").await.unwrap().status(), 200);
    // The header value that marks the demo's own calls cannot be guessed.
    let guess = backend
        .unsigned(Method::GET, "/admin/sign_in")
        .header("x-channelstream-demo", "1");
    assert_eq!(guess.send().await.unwrap().status(), 406);
}

/// Tries to sign in with these cookies. Returns the status, and the cookies that the answer sets.
async fn sign_in(backend: &Backend, password: &str, cookies: &str) -> (u16, Vec<String>) {
    let form = [("username", "admin"), ("password", password)];
    let request = backend
        .unsigned(Method::POST, "/admin/sign_in")
        .form(&form)
        .header("cookie", cookies);
    let response = request.send().await.unwrap();
    let set = response
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap().to_owned());
    (response.status().as_u16(), set.collect())
}

/// Returns the device cookie among these, as a browser sends it back.
fn device_cookie(set: &[String]) -> String {
    let cookie = set
        .iter()
        .find(|cookie| cookie.starts_with("channelstream_device="))
        .unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// Makes wrong guesses as a stranger until the address has to wait.
async fn guess_until_it_waits(backend: &Backend) {
    eventually("the address waits", async || {
        sign_in(backend, "wrong", "").await.0 == 429
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_guesses_never_lock_out_a_browser_that_signed_in_before() {
    let mut server = Server::start(&[("admin-secret", "the right password")]);
    let backend = Backend::of(&server);
    let (status, set) = sign_in(&backend, "the right password", "").await;
    assert_eq!(status, 302);
    let device = device_cookie(&set);
    let whole = set
        .iter()
        .find(|cookie| cookie.starts_with(&device))
        .unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Max-Age=31536000"] {
        assert!(whole.contains(part), "{whole}");
    }
    guess_until_it_waits(&backend).await;
    for _ in 0..20 {
        // The stranger continues from the same address.
        sign_in(&backend, "wrong", "").await;
        let (status, set) = sign_in(&backend, "the right password", &device).await;
        assert_eq!(status, 302);
        assert_eq!(device_cookie(&set), device, "the device keeps its cookie");
    }
    // The stranger still has to wait.
    guess_until_it_waits(&backend).await;
    // The cookie survives a restart, even without a cookie_secret.
    server.restart();
    guess_until_it_waits(&backend).await;
    assert_eq!(
        sign_in(&backend, "the right password", &device).await.0,
        302
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_device_cookie_gains_nothing_and_a_stolen_one_waits_for_its_own_failures() {
    let server = Server::start(&[("admin-secret", "the right password")]);
    let backend = Backend::of(&server);
    let (_, set) = sign_in(&backend, "the right password", "").await;
    let device = device_cookie(&set);
    let elsewhere = Server::start(&[("admin-secret", "another password")]);
    let foreign = device_cookie(
        &sign_in(&Backend::of(&elsewhere), "another password", "")
            .await
            .1,
    );
    let session = set
        .iter()
        .find_map(|cookie| cookie.split(';').next()?.strip_prefix("auth_tkt="))
        .unwrap();
    let forged = [
        foreign,
        device.replace('=', "=A"),
        format!("channelstream_device={}", uuid::Uuid::new_v4()),
        format!("channelstream_device={session}"),
        format!("auth_tkt={}", device.split_once('=').unwrap().1),
        "channelstream_device=".to_owned(),
    ];
    // Guesses until the wait is long enough to try all cookies in it. Each counts as a guess of the
    // address.
    eventually("the address waits for seconds", async || {
        let form = [("username", "admin"), ("password", "wrong")];
        let response = backend
            .unsigned(Method::POST, "/admin/sign_in")
            .form(&form)
            .send()
            .await
            .unwrap();
        response
            .headers()
            .get("retry-after")
            .is_some_and(|wait| wait.to_str().unwrap().parse::<u64>().unwrap() >= 4)
    })
    .await;
    for cookie in &forged {
        assert_eq!(
            sign_in(&backend, "the right password", cookie).await.0,
            429,
            "{cookie}"
        );
    }
    // The device cookie does not sign anybody in.
    let admin = backend
        .unsigned(Method::GET, "/admin")
        .header("cookie", &device)
        .send()
        .await
        .unwrap();
    assert_eq!(admin.status(), 302);
    // The wait after guesses with a stolen cookie also grows each time. Neither the address nor
    // another device has to wait for it.
    let other_address = Server::start(&[("admin-secret", "the right password")]);
    let backend = Backend::of(&other_address);
    let second = device_cookie(&sign_in(&backend, "the right password", "").await.1);
    let mut guesses = 0;
    eventually("the stolen one waits", async || {
        guesses += 1;
        sign_in(&backend, "wrong", &device).await.0 == 429
    })
    .await;
    assert_eq!(guesses, 7);
    assert_eq!(
        sign_in(&backend, "the right password", &second).await.0,
        302
    );
    assert_eq!(sign_in(&backend, "wrong", "").await.0, 200);
}
