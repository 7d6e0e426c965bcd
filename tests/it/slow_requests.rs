//! A request that does not arrive in time ends: its head, each later head on the same socket, and
//! its body.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::support::client::Backend;
use crate::support::raw::{Ending, Raw};
use crate::support::server::Server;
use crate::support::signing::{now, sign};

const HEAD: &str = "GET /health HTTP/1.1\r\nHost: x\r\nX-Filler: ";
const WHOLE: &str = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";

/// Returns single letters without an end.
fn endless_letters() -> impl Iterator<Item = String> {
    std::iter::repeat_n("x".to_owned(), 10_000)
}

const PAUSE: Duration = Duration::from_millis(20);

/// Checks that the client was told so after `limit`, or not much later. (The client's clock starts
/// a little late.)
fn assert_timed_out(what: &str, end: &Ending, limit: Duration) {
    assert_eq!(end.status(), 408, "{what}: {end:?}");
    assert!(
        (limit * 8 / 10..limit + Duration::from_secs(3)).contains(&end.after),
        "{what}: {end:?}"
    );
}

fn post(path: &str, length: &str) -> String {
    let secret = sign("secret", path, now());
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nX-Channelstream-Secret: {secret}\r\n{length}\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_arrive_ends_with_408() {
    let server = Server::start(&[("head-timeout", "1")]);
    let limit = Duration::from_secs(1);
    let silent = Raw::open(&server).await;
    let mut stalled = Raw::open(&server).await;
    stalled.send(HEAD).await;
    let mut dripping = Raw::open(&server).await;
    dripping.send(HEAD).await;
    let (silent, stalled, dripping) = tokio::join!(
        silent.ending(),
        stalled.ending(),
        dripping.ending_while_sending(endless_letters(), PAUSE)
    );
    assert_timed_out("silent", &silent, limit);
    assert_timed_out("stalled", &stalled, limit);
    assert_timed_out("byte by byte", &dripping, limit);
    assert!(stalled.text.contains("head_timeout"), "{stalled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_head_that_does_not_arrive_ends_with_408_too() {
    let server = Server::start(&[("head-timeout", "1")]);
    let limit = Duration::from_secs(1);
    let between_requests = async || {
        let mut raw = Raw::open(&server).await;
        for _ in 0..3 {
            raw.send(WHOLE).await;
            assert!(raw.answer().await.starts_with("http/1.1 200"));
        }
        raw
    };
    let mut stalled = between_requests().await;
    stalled.send(HEAD).await;
    let mut dripping = between_requests().await;
    dripping.send(HEAD).await;
    let (stalled, dripping) = tokio::join!(
        stalled.ending(),
        dripping.ending_while_sending(endless_letters(), PAUSE)
    );
    assert_timed_out("stalled", &stalled, limit);
    assert_timed_out("byte by byte", &dripping, limit);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_begins_in_the_same_packet_as_the_request_before_it_has_the_same_deadline() {
    let server = Server::start(&[("head-timeout", "1")]);
    let body = json!({"conn_id": uuid::Uuid::new_v4()}).to_string();
    let disconnect = post("/disconnect", &format!("Content-Length: {}", body.len()));
    for before in [WHOLE.to_owned(), format!("{disconnect}{body}")] {
        let mut raw = Raw::open(&server).await;
        raw.send(&format!("{before}{HEAD}")).await;
        assert!(raw.answer().await.starts_with("http/1.1 200"));
        assert_timed_out(&before, &raw.ending().await, Duration::from_secs(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_rests_between_requests_stays_open() {
    let server = Server::start(&[("head-timeout", "0.5")]);
    let body = json!({"conn_id": uuid::Uuid::new_v4()}).to_string();
    let whole = format!(
        "{}{body}",
        post("/disconnect", &format!("Content-Length: {}", body.len()))
    );
    let chunked = format!(
        "{}{:x}\r\n{body}\r\n0\r\n\r\n",
        post("/disconnect", "Transfer-Encoding: chunked"),
        body.len()
    );
    let mut raw = Raw::open(&server).await;
    for request in [WHOLE, &whole, &chunked, WHOLE] {
        raw.send(request).await;
        assert!(raw.answer().await.starts_with("http/1.1 200"), "{request}");
        // This is longer than a head may take.
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_arrive_ends_with_408_and_the_socket_with_it() {
    let server = Server::start(&[("body-timeout", "1"), ("body-rate", "0")]);
    let mut endings = Vec::new();
    for path in ["/message", "/disconnect", "/admin/sign_in", "/nowhere"] {
        for (length, part) in [
            ("Content-Length: 4000", "[{"),
            ("Transfer-Encoding: chunked", "2\r\n[{\r\n"),
        ] {
            let mut raw = Raw::open(&server).await;
            raw.send(&format!("{}{part}", post(path, length))).await;
            endings.push(tokio::spawn(async move {
                (format!("{path}, {length}"), raw.ending().await)
            }));
            let mut raw = Raw::open(&server).await;
            raw.send(&format!("{}{part}", post(path, length))).await;
            let letters = endless_letters().map(move |letter| {
                if length.starts_with('C') {
                    letter
                } else {
                    format!("1\r\n{letter}\r\n")
                }
            });
            let ending = async move {
                (
                    format!("{path}, {length}, dripping"),
                    raw.ending_while_sending(letters, PAUSE).await,
                )
            };
            endings.push(tokio::spawn(ending));
        }
    }
    for ending in endings {
        let (what, end) = ending.await.unwrap();
        assert_timed_out(&what, &end, Duration::from_secs(1));
        assert!(end.text.contains("body_timeout"), "{what}: {end:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_must_keep_its_rate_after_the_first_five_seconds() {
    let server = Server::start(&[]);
    let send = async |bytes_at_a_time: usize, total: usize| {
        let mut raw = Raw::open(&server).await;
        raw.send(&post("/message", &format!("Content-Length: {total}")))
            .await;
        let pieces = std::iter::once("[".to_owned()).chain(std::iter::repeat_n(
            " ".repeat(bytes_at_a_time),
            total / bytes_at_a_time,
        ));
        raw.ending_while_sending(pieces, Duration::from_millis(100))
            .await
    };
    // One body arrives at 200 and one at 2,000 bytes a second. The second is whole after six
    // seconds, and is not JSON.
    let (slow, steady) = tokio::join!(send(20, 100_000), async {
        let mut raw = Raw::open(&server).await;
        raw.send(&post(
            "/message",
            "Content-Length: 12000\r\nConnection: close",
        ))
        .await;
        raw.ending_while_sending(
            std::iter::repeat_n(" ".repeat(200), 60),
            Duration::from_millis(100),
        )
        .await
    });
    assert_timed_out("slow", &slow, Duration::from_secs(5));
    assert!(slow.text.contains("body_rate"), "{slow:?}");
    assert_eq!(steady.status(), 400, "{steady:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_needs_no_signature_has_at_most_4_kilobytes() {
    let server = Server::start(&[("head-timeout", "1")]);
    let open = [
        ("POST", "/disconnect"),
        ("PUT", "/disconnect"),
        ("POST", "/admin/sign_in"),
        ("POST", "/admin/sign_out"),
        ("POST", "/nowhere"),
        ("POST", "/demo/message"),
        ("GET", "/health"),
        (
            "GET",
            "/listen?conn_id=7d444840-9dc0-11d1-b245-5ffdce74fad2",
        ),
        ("GET", "/sse?conn_id=7d444840-9dc0-11d1-b245-5ffdce74fad2"),
        ("GET", "/ws?conn_id=7d444840-9dc0-11d1-b245-5ffdce74fad2"),
    ];
    let head = |method: &str, path: &str, length: &str| {
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n")
    };
    let each = open.map(async |(method, path)| {
        // No part of the body is sent: its announced length is enough.
        let mut raw = Raw::open(&server).await;
        raw.send(&head(method, path, "Content-Length: 4097")).await;
        let end = raw.ending().await;
        assert_eq!(end.status(), 413, "{method} {path}: {end:?}");
        assert!(end.text.contains("4096"), "{method} {path}: {end:?}");
        let mut raw = Raw::open(&server).await;
        raw.send(&head(method, path, "Transfer-Encoding: chunked"))
            .await;
        raw.send(&format!("1001\r\n{}\r\n", "x".repeat(4097))).await;
        let end = raw.ending().await;
        assert!(
            end.text.starts_with("HTTP/1.1 413"),
            "{method} {path}: {end:?}"
        );
        let mut raw = Raw::open(&server).await;
        raw.send(&head(
            method,
            path,
            "Content-Length: 4096\r\nConnection: close",
        ))
        .await;
        raw.send(&"x".repeat(4096)).await;
        assert_ne!(raw.ending().await.status(), 413, "{method} {path}");
    });
    join_all(each).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_body_may_be_large_and_an_unsigned_one_of_the_same_path_is_not_read() {
    let server = Server::start(&[("head-timeout", "1")]);
    let backend = Backend::of(&server);
    let signed = [
        (Method::POST, "/connect"),
        (Method::POST, "/subscribe"),
        (Method::POST, "/unsubscribe"),
        (Method::POST, "/user_state"),
        (Method::POST, "/user_status"),
        (Method::POST, "/message"),
        (Method::PATCH, "/message"),
        (Method::DELETE, "/message"),
        (Method::POST, "/channel_config"),
        (Method::POST, "/info"),
        (Method::POST, "/admin/message"),
        (Method::POST, "/admin/channel_config"),
        (Method::POST, "/admin/disconnect"),
        (Method::POST, "/admin/forget_channel"),
    ];
    let each = signed.map(async |(method, path)| {
        let response = backend
            .request(method.clone(), path)
            .body(" ".repeat(100_000))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 400, "{method} {path}");
        for length in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
            let mut raw = Raw::open(&server).await;
            raw.send(&format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n"
            ))
            .await;
            // The request is refused at once. Then the socket ends, however long the rest of the
            // body takes.
            let end = raw
                .ending_while_sending(std::iter::repeat_n("1\r\nx\r\n".to_owned(), 10_000), PAUSE)
                .await;
            let is_refused =
                end.text.starts_with("HTTP/1.1 403") || end.text.starts_with("HTTP/1.1 302");
            assert!(
                is_refused && end.after < Duration::from_secs(4),
                "{method} {path} {length}: {end:?}"
            );
        }
    });
    join_all(each).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_of_slow_requests_are_freed_when_they_end() {
    let server = Server::start(&[("head-timeout", "0.3"), ("body-timeout", "0.3")]);
    // 20 MB of heads and bodies that do not end.
    let wave = async || {
        let mut endings = Vec::new();
        for index in 0..200 {
            let mut raw = Raw::open(&server).await;
            let begun = if index % 2 == 0 {
                HEAD.to_owned()
            } else {
                post("/message", "Content-Length: 1000000")
            };
            raw.send(&format!("{begun}{}", "x".repeat(100_000))).await;
            endings.push(tokio::spawn(raw.ending()));
        }
        let most = server.memory() / 1024;
        for ending in endings {
            assert_eq!(ending.await.unwrap().status(), 408);
        }
        most
    };
    let mut most = Vec::new();
    for _ in 0..8 {
        most.push(wave().await);
    }
    println!("MB at each wave: {most:?}");
    let (early, late) = most.split_at(4);
    assert!(
        late.iter().max() < early.iter().max().map(|most| most + 40).as_ref(),
        "{most:?} MB"
    );
}
