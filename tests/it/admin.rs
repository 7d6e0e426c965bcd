//! Tests of the sign-in to the panel, and of its protection.

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

fn signing_in(backend: &Backend, password: &str) -> RequestBuilder {
    let form = [("username", "admin"), ("password", password)];
    backend.unsigned(Method::POST, "/admin/sign_in").form(&form)
}

async fn sign_in(backend: &Backend, password: &str) -> Response {
    signing_in(backend, password).send().await.unwrap()
}

/// Returns the cookie of a signed-in operator.
async fn session(backend: &Backend) -> String {
    let response = sign_in(backend, "admin_secret").await;
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_takes_longer_each_time_and_the_right_password_ends_it() {
    let server = Server::start(&[("admin-secret", "right")]);
    let backend = Backend::of(&server);
    // The first five guesses are free. After the seventh the caller must wait one second.
    let mut guesses = 0;
    eventually("seven guesses were made", async || {
        let response = sign_in(&backend, "wrong").await;
        guesses += u32::from(response.status() == 200);
        guesses == 7
    })
    .await;
    let response = sign_in(&backend, "right").await;
    assert_eq!(response.status(), 429);
    let wait: u64 = response.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    assert!(response.text().await.unwrap().contains("Try again in"));
    eventually("the right password is accepted", async || {
        sign_in(&backend, "right").await.status() == 302
    })
    .await;
    assert_eq!(
        sign_in(&backend, "right").await.status(),
        302,
        "the failures are forgotten"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_cannot_act_for_a_signed_in_operator() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let cookie = sign_in(&backend, "admin_secret").await.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = session(&backend).await;
    let ask = async |method: Method, header: &str, value: &str| {
        let request = backend
            .unsigned(method, "/admin/admin.json")
            .header("cookie", &cookie)
            .header(header, value);
        request.send().await.unwrap().status()
    };
    assert_eq!(
        ask(Method::POST, "sec-fetch-site", "same-origin").await,
        200
    );
    assert_eq!(ask(Method::POST, "sec-fetch-site", "cross-site").await, 403);
    assert_eq!(
        ask(Method::POST, "origin", "https://evil.example").await,
        403
    );
    assert_eq!(ask(Method::POST, "origin", "null").await, 403);
    assert_eq!(
        ask(
            Method::POST,
            "origin",
            &format!("http://{}", server.address)
        )
        .await,
        200
    );
    assert_eq!(ask(Method::GET, "sec-fetch-site", "cross-site").await, 200);
    let login = signing_in(&backend, "admin_secret").header("sec-fetch-site", "cross-site");
    assert_eq!(login.send().await.unwrap().status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_invalid_after_signing_out() {
    let server = Server::start(&[("cookie-secret", "of our own")]);
    let backend = Backend::of(&server);
    let (first, second) = (session(&backend).await, session(&backend).await);
    let ask = async |path: &str, cookie: &str| {
        backend
            .unsigned(Method::GET, path)
            .header("cookie", cookie)
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!(ask("/admin", &first).await, 200);
    assert_eq!(ask("/admin/sign_out", &first).await, 302);
    assert_eq!(ask("/admin", &first).await, 302);
    assert_eq!(ask("/admin", &second).await, 200);
    assert_eq!(
        ask("/admin", &second.replace('=', "=A")).await,
        302,
        "a cookie that was changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_of_the_panel_need_a_session_and_a_page_of_this_server() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let cookie = session(&backend).await;
    let conn_id = backend.connect("alice", &["news"]).await;
    let calls = [
        (
            "message",
            json!([{"user": "admin", "channel": "news", "message": {"text": "hello"}}]),
        ),
        ("channel_config", json!({"news": {"notify_presence": true}})),
        ("forget_channel", json!({"channel": "news"})),
        ("disconnect", json!({"conn_id": conn_id})),
    ];
    for (path, body) in calls {
        let call = |headers: &[(&str, &str)]| {
            let request = backend
                .unsigned(Method::POST, &format!("/admin/{path}"))
                .json(&body);
            headers
                .iter()
                .fold(request, |request, (name, value)| {
                    request.header(*name, *value)
                })
                .send()
        };
        assert_eq!(call(&[]).await.unwrap().status(), 302, "{path}");
        assert_eq!(
            call(&[("x-channelstream-secret", "wrong")])
                .await
                .unwrap()
                .status(),
            401,
            "{path}"
        );
        assert_eq!(
            call(&[("cookie", &cookie), ("sec-fetch-site", "same-site")])
                .await
                .unwrap()
                .status(),
            403,
            "{path}"
        );
        assert_eq!(
            call(&[("cookie", &cookie), ("sec-fetch-site", "same-origin")])
                .await
                .unwrap()
                .status(),
            200,
            "{path}"
        );
    }
    assert_eq!(
        backend
            .unsigned(Method::GET, "/admin/live")
            .send()
            .await
            .unwrap()
            .status(),
        302
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_channel_loses_its_data_and_its_users_stay_connected() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let config = json!({"news": {"store_history": true}});
    let connect =
        json!({"username": "alice", "channels": ["news", "other"], "channel_configs": config});
    let conn_id = backend.post("/connect", connect).await["conn_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut alice = WebSocket::open(&server.address, &conn_id).await.unwrap();
    backend.say("news", json!({"number": 1})).await;
    assert_eq!(alice.event().await["message"]["number"], 1);
    let forget = async || {
        backend
            .post("/admin/forget_channel", json!({"channel": "news"}))
            .await
    };
    assert_eq!(forget().await, true);
    let info = backend
        .post("/info", json!({"info": {"channels": ["news", "other"]}}))
        .await;
    assert_eq!(
        info["channels"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["other"]
    );
    assert_eq!(forget().await, false);
    backend.say("news", json!({"number": 2})).await;
    backend.say("other", json!({"number": 3})).await;
    assert_eq!(alice.event().await["message"]["number"], 3);
    // The channel begins anew, with the configuration of the call that creates it.
    let subscribe = json!({
        "conn_id": conn_id,
        "channels": ["news"],
        "channel_configs": {"news": {"notify_presence": true}},
    });
    let channel =
        backend.post("/subscribe", subscribe).await["channels_info"]["channels"]["news"].clone();
    assert_eq!(
        (&channel["history"], &channel["settings"]["notify_presence"]),
        (&json!([]), &json!(true))
    );
    backend.say("news", json!({"number": 4})).await;
    assert_eq!(alice.event().await["message"]["number"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_json_is_paged_on_request() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for name in ["ann", "Anna", "bob"] {
        backend.connect(name, &[name, "all"]).await;
    }
    let ask = async |query: &str| {
        // The query is not part of the signed text.
        let pairs: Vec<_> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        backend
            .request(Method::GET, "/admin/admin.json")
            .query(&pairs)
            .send()
            .await
            .unwrap()
    };
    let names = |totals: &Value| {
        let channels: Vec<_> = totals["channels"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        let users: Vec<_> = totals["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["user"].as_str().unwrap().to_owned())
            .collect();
        (channels.join(" "), users.join(" "))
    };
    for (query, channels, users) in [
        ("", "Anna all ann bob", "Anna ann bob"),
        ("limit=2", "Anna all", "Anna ann"),
        ("limit=2&offset=2", "ann bob", "bob"),
        ("search=AN", "Anna ann", "Anna ann"),
        ("offset=9", "", ""),
    ] {
        let totals: Value = ask(query).await.json().await.unwrap();
        assert_eq!(
            names(&totals),
            (channels.to_owned(), users.to_owned()),
            "{query}"
        );
        assert_eq!(
            (&totals["total_channels"], &totals["total_connections"]),
            (&json!(4), &json!(3)),
            "{query}"
        );
    }
    for (query, reason) in [
        ("limit=-1", "limit must be a whole number"),
        ("sort=size", "sort must be one of"),
    ] {
        let response = ask(query).await;
        assert_eq!(response.status(), 422);
        assert!(response.text().await.unwrap().contains(reason));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_panel_does_not_delay_the_stop() {
    let mut server = Server::start(&[]);
    let backend = Backend::of(&server);
    let mut live = backend
        .request(Method::GET, "/admin/live")
        .send()
        .await
        .unwrap();
    assert!(live.chunk().await.unwrap().is_some());
    let start = Instant::now();
    assert!(server.terminate().success());
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    while live.chunk().await.unwrap().is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_all_of_many_channels_delays_nobody() {
    const CHANNELS: usize = 100_000;
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for start in (0..CHANNELS).step_by(2000) {
        let configs = (start..start + 2000).map(|number| (format!("channel-{number}"), json!({})));
        backend
            .post("/channel_config", Value::Object(configs.collect()))
            .await;
    }
    let everything = tokio::spawn({
        let backend = backend.clone();
        async move {
            for _ in 0..3 {
                let totals = backend
                    .request(Method::GET, "/admin/admin.json")
                    .send()
                    .await
                    .unwrap();
                let totals = totals.bytes().await.unwrap();
                // To parse this many channels takes time that must not delay the server.
                let count = move || {
                    serde_json::from_slice::<Value>(&totals).unwrap()["channels"]
                        .as_object()
                        .unwrap()
                        .len()
                };
                assert_eq!(tokio::task::spawn_blocking(count).await.unwrap(), CHANNELS);
            }
        }
    });
    // An open panel that sorts these rows.
    let panel = tokio::spawn({
        let live = backend.request(Method::GET, "/admin/live?view=channels&sort=events");
        async move {
            let mut live = live.send().await.unwrap();
            while let Ok(Some(_)) = live.chunk().await {}
        }
    });
    let mut slowest = Duration::ZERO;
    while !everything.is_finished() {
        let start = Instant::now();
        backend.say("channel-1", json!({})).await;
        slowest = slowest.max(start.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    everything.await.unwrap();
    panel.abort();
    println!("the slowest call beside it took {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}
