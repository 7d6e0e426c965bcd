//! Signing in to the panel, and what guards it.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;

fn signing_in(backend: &Backend, password: &str) -> RequestBuilder {
    let form = [("username", "admin"), ("password", password)];
    backend.unsigned(Method::POST, "/admin/sign_in").form(&form)
}

async fn sign_in(backend: &Backend, password: &str) -> Response {
    signing_in(backend, password).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_takes_longer_each_time_and_the_right_password_ends_it() {
    let server = Server::start(&[("admin-secret", "right")]);
    let backend = Backend::of(&server);
    // Five are free; after the seventh one second is to be waited.
    let mut guesses = 0;
    eventually("seven guesses were made", async || {
        let response = sign_in(&backend, "wrong").await;
        guesses += u32::from(response.status() == 200);
        guesses == 7
    })
    .await;
    let response = sign_in(&backend, "right").await;
    assert_eq!(response.status(), 429);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    assert!(response.text().await.unwrap().contains("Try again in"));
    eventually("the right one is let in", async || sign_in(&backend, "right").await.status() == 302).await;
    assert_eq!(sign_in(&backend, "right").await.status(), 302, "nothing is left of the failures");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_cannot_act_for_who_is_signed_in() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let response = sign_in(&backend, "admin_secret").await;
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let ask = async |method: Method, header: &str, value: &str| {
        let request = backend.unsigned(method, "/admin/admin.json").header("cookie", &cookie).header(header, value);
        request.send().await.unwrap().status()
    };
    assert_eq!(ask(Method::POST, "sec-fetch-site", "same-origin").await, 200);
    assert_eq!(ask(Method::POST, "sec-fetch-site", "cross-site").await, 403);
    assert_eq!(ask(Method::POST, "origin", "https://evil.example").await, 403);
    assert_eq!(ask(Method::POST, "origin", "null").await, 403);
    assert_eq!(ask(Method::POST, "origin", &format!("http://{}", server.address)).await, 200);
    assert_eq!(ask(Method::GET, "sec-fetch-site", "cross-site").await, 200);
    let login = signing_in(&backend, "admin_secret").header("sec-fetch-site", "cross-site");
    assert_eq!(login.send().await.unwrap().status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_all_of_many_channels_delays_nobody() {
    const CHANNELS: usize = 20_000;
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for start in (0..CHANNELS).step_by(2000) {
        let configs = (start..start + 2000).map(|number| (format!("channel-{number}"), serde_json::json!({})));
        backend.post("/channel_config", serde_json::Value::Object(configs.collect())).await;
    }
    let everything = tokio::spawn({
        let backend = backend.clone();
        async move {
            for _ in 0..3 {
                let totals = backend.request(Method::GET, "/admin/admin.json").send().await.unwrap();
                let totals: serde_json::Value = totals.json().await.unwrap();
                assert_eq!(totals["channels"].as_object().unwrap().len(), CHANNELS);
            }
        }
    });
    let mut slowest = Duration::ZERO;
    while !everything.is_finished() {
        let start = std::time::Instant::now();
        backend.say("channel-1", serde_json::json!({})).await;
        slowest = slowest.max(start.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    everything.await.unwrap();
    println!("the slowest call beside it took {slowest:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}
