//! Tests of the server behind a reverse proxy.

use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::client::Backend;
use crate::support::server::{Server, command};
use crate::support::websocket::WebSocket;

#[tokio::test(flavor = "multi_thread")]
async fn enforce_https_trusts_the_proxy_for_websockets_too() {
    let server = Server::start(&[
        ("enforce-https", "true"),
        ("trusted-proxies", "127.0.0.1"),
        ("proxy-headers", "x-scheme"),
    ]);
    let backend = Backend::of(&server);
    let call = async |path: &str, scheme: &str| {
        let request = backend
            .request(Method::POST, path)
            .header("x-scheme", scheme)
            .json(&json!({"username": "a"}));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(
        (
            call("/connect", "http").await,
            call("/connect", "https").await
        ),
        (406, 200)
    );
    let plain = WebSocket::open(&server.address, &uuid::Uuid::new_v4().to_string()).await;
    assert!(plain.is_err());
    assert_eq!(
        backend
            .unsigned(Method::GET, "/health")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_address_is_what_a_trusted_proxy_says() {
    let flags = [
        ("trusted-proxies", "127.0.0.0/8"),
        ("allow-posting-from", "198.51.100.0/24"),
    ];
    let server = Server::start(&flags);
    let backend = Backend::of(&server);
    let call = async |address: &str| {
        let request = backend
            .request(Method::POST, "/info")
            .header("x-forwarded-for", address);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(
        (
            call("198.51.100.7").await,
            call("198.51.100.7, 203.0.113.1").await
        ),
        (200, 403)
    );
    let request = backend
        .unsigned(Method::GET, "/admin")
        .header("host", "push.example")
        .header("x-forwarded-proto", "https");
    let response = request
        .header("x-forwarded-prefix", "/chan")
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.headers()["location"],
        "https://push.example/chan/admin/sign_in"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_cookie_is_secure_behind_https() {
    let server = Server::start(&[
        ("trusted-proxies", "127.0.0.1"),
        ("proxy-headers", "x-scheme"),
    ]);
    let sign_in = |scheme: &'static str| {
        let request = Backend::of(&server)
            .unsigned(Method::POST, "/admin/sign_in")
            .header("x-scheme", scheme);
        request
            .form(&json!({"username": "admin", "password": "admin_secret"}))
            .send()
    };
    for (scheme, is_secure) in [("http", false), ("https", true)] {
        let response = sign_in(scheme).await.unwrap();
        let cookie = response.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(cookie.contains("Secure"), is_secure, "{cookie}");
        assert!(
            cookie.starts_with("auth_tkt=")
                && cookie.contains("HttpOnly")
                && cookie.contains("Max-Age=2592000"),
            "{cookie}"
        );
    }
}

/// All headers that `proxy_headers` can name.
const HEADERS: [&str; 7] = [
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-prefix",
    "x-script-name",
    "x-scheme",
    "x-url-scheme",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_header_of_a_stranger_counts_unless_its_proxy_is_trusted_and_the_header_is_named() {
    let own = [
        ("secret", "a secret of our own"),
        ("admin-secret", "another one of our own"),
    ];
    let go = async |flags: &[(&str, &str)], path: &str, headers: &[(&str, &str)]| {
        let server = Server::start(&[&own[..], flags].concat());
        let request = Backend::of(&server)
            .unsigned(Method::GET, path)
            .header("host", "push.example");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let response = request.send().await.unwrap();
        let location = response
            .headers()
            .get("location")
            .map(|to| to.to_str().unwrap().to_owned());
        (response.status().as_u16(), location.unwrap_or_default())
    };
    let plain = (302, "http://push.example/admin/sign_in".to_owned());
    let forged = [
        ("x-script-name", "/evil"),
        ("x-scheme", "https"),
        ("x-url-scheme", "https"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-prefix", "/evil"),
    ];
    assert_eq!(go(&[], "/admin", &forged).await, plain);
    assert_eq!(
        go(&[("trusted-proxies", "10.0.0.0/8")], "/admin", &forged).await,
        plain
    );
    let original = [
        ("x-script-name", "/evil"),
        ("x-scheme", "https"),
        ("x-url-scheme", "https"),
    ];
    let trusted = ("trusted-proxies", "127.0.0.1");
    assert_eq!(go(&[trusted], "/admin", &original).await, plain);
    assert_eq!(
        go(&[trusted, ("proxy-headers", "x-scheme")], "/admin", &forged)
            .await
            .1,
        "https://push.example/admin/sign_in"
    );
    // A proxy's rules for paths stay in force: a request that it passes as /ws… stays below /ws.
    let around = "/ws/admin/sign_in";
    assert_eq!(go(&[], around, &[("x-script-name", "/ws")]).await.0, 404);
    assert_eq!(
        go(&[trusted], around, &[("x-script-name", "/ws")]).await.0,
        404
    );
    let named = [trusted, ("proxy-headers", "x-script-name")];
    assert_eq!(go(&named, around, &[("x-script-name", "/ws")]).await.0, 200);
    // A stranger's header does not turn http into https either.
    assert_eq!(
        go(
            &[("enforce-https", "true")],
            "/admin",
            &[("x-scheme", "https"), ("x-url-scheme", "https")]
        )
        .await
        .0,
        406
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_ignored_header_of_each_kind_is_logged_once_with_the_setting_to_change() {
    let server = Server::start(&[
        ("secret", "a secret of our own"),
        ("admin-secret", "another one of our own"),
    ]);
    let backend = Backend::of(&server);
    for _ in 0..3 {
        let request = backend.unsigned(Method::GET, "/health");
        HEADERS
            .iter()
            .fold(request, |request, name| request.header(*name, "x"))
            .send()
            .await
            .unwrap();
    }
    for name in HEADERS {
        let line = server.log_line(&format!("ignored the header {name} "));
        assert!(
            line.contains("127.0.0.1") && line.contains("trusted_proxies"),
            "{line}"
        );
        assert_eq!(
            line.contains("proxy_headers"),
            !name.starts_with("x-forwarded"),
            "{line}"
        );
    }
    assert!(
        !server
            .rest_of_log()
            .iter()
            .any(|line| line.contains("ignored the header"))
    );
}

#[test]
fn an_unknown_proxy_header_is_refused_with_those_that_can_be_named() {
    let (code, text) = command(
        &[
            "--proxy-headers",
            "x-forwarded-for, x-real-ip",
            "config",
            "check",
        ],
        &[],
    );
    assert_eq!(code, Some(78));
    assert!(
        text.contains("x-real-ip: expected one of")
            && HEADERS.iter().all(|name| text.contains(name)),
        "{text}"
    );
    let (code, text) = command(
        &[
            "--proxy-headers",
            "X-Scheme,X-Forwarded-For",
            "config",
            "show",
        ],
        &[],
    );
    assert_eq!(
        (
            code,
            text.contains(r#"proxy_headers = ["x-scheme", "x-forwarded-for"]"#)
        ),
        (Some(0), true),
        "{text}"
    );
}

#[test]
fn the_examples_for_proxies_set_or_clear_each_of_the_headers() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deploy");
    for file in [
        "nginx.conf",
        "Caddyfile",
        "traefik.yml",
        "haproxy.cfg",
        "haproxy-cluster.cfg",
    ] {
        let text = std::fs::read_to_string(folder.join(file))
            .unwrap()
            .to_lowercase();
        let lines: Vec<_> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with('#'))
            .collect();
        for name in HEADERS {
            // Traefik sets these headers by itself, as the comment in its file says.
            let by_itself = file == "traefik.yml"
                && ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"].contains(&name);
            let is_named = lines.iter().any(|line| {
                line.split(|c: char| !(c.is_alphanumeric() || c == '-'))
                    .any(|word| word.trim_start_matches('-') == name)
            });
            assert!(
                is_named || by_itself,
                "{file} leaves {name} as a stranger sent it"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_address_may_have_a_port_and_an_unreadable_one_is_unknown() {
    let server = Server::start(&[
        ("trusted-proxies", "127.0.0.1"),
        ("allow-posting-from", "198.51.100.5, 2001:db8::/32"),
    ]);
    let backend = Backend::of(&server);
    let call = async |chain: &str| {
        let response = backend
            .request(Method::POST, "/info")
            .header("x-forwarded-for", chain)
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    for chain in [
        "198.51.100.5",
        "198.51.100.5:4711",
        "203.0.113.9, 198.51.100.5:80",
        "[2001:db8::1]:443",
        "[2001:db8::1]",
        "2001:db8::1",
    ] {
        assert_eq!(call(chain).await.0, 200, "{chain}");
    }
    // The stranger wrote the first entries, and the proxy wrote the last one.
    for (chain, seen) in [
        ("198.51.100.5, 203.0.113.9:4711", "203.0.113.9"),
        ("198.51.100.5, [2001:db9::1]:443", "2001:db9::1"),
        ("198.51.100.5, unknown", "unknown"),
        ("198.51.100.5, unknown, 127.0.0.1", "unknown"),
        ("198.51.100.5, _hidden", "unknown"),
        ("198.51.100.5,", "unknown"),
    ] {
        let (status, text) = call(chain).await;
        assert_eq!(status, 403, "{chain}");
        assert!(
            text.contains(&format!("The address {seen} is not in allow_posting_from")),
            "{chain}: {text}"
        );
    }
    let server = Server::start(&[
        ("trusted-proxies", "127.0.0.1"),
        ("allow-posting-from", "0.0.0.0"),
    ]);
    let anyone = Backend::of(&server)
        .request(Method::POST, "/info")
        .header("x-forwarded-for", "unknown");
    assert_eq!(anyone.send().await.unwrap().status(), 200);
}

/// Headers that show that a request came through a proxy.
const FORWARDING_HEADERS: [&str; 5] = [
    "forwarded",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "via",
];

#[tokio::test(flavor = "multi_thread")]
async fn requests_through_a_proxy_are_refused_while_a_default_secret_is_in_force() {
    let own = ("secret", "a secret of our own");
    for (flags, key) in [
        (&[][..], "secret and admin_secret"),
        (&[own], "admin_secret"),
    ] {
        let server = Server::start(flags);
        let backend = Backend::of(&server);
        for path in [
            "/info",
            "/admin/sign_in",
            "/ws",
            "/listen?conn_id=x",
            "/health",
            "/nowhere",
        ] {
            for mark in FORWARDING_HEADERS {
                let response = backend
                    .request(Method::GET, path)
                    .header(mark, "x")
                    .send()
                    .await
                    .unwrap();
                assert_eq!(response.status(), 403, "{path} with {mark}");
                let text = response.text().await.unwrap();
                assert!(
                    text.contains(mark)
                        && text.contains(&format!("Set {key} to values of your own")),
                    "{text}"
                );
                assert!(!text.contains("The password is not set yet"), "{text}");
            }
        }
        assert!(server.log_line("refused a request with 403").contains(key));
        assert!(
            !server
                .rest_of_log()
                .iter()
                .any(|line| line.contains("refused a request with 403"))
        );
    }
    let server = Server::start(&[]);
    let mut upgrade = format!(
        "ws://{}/ws?conn_id={}",
        server.address,
        uuid::Uuid::new_v4()
    )
    .into_client_request()
    .unwrap();
    upgrade
        .headers_mut()
        .insert("x-real-ip", "203.0.113.9".parse().unwrap());
    assert!(
        connect_async(upgrade)
            .await
            .unwrap_err()
            .to_string()
            .contains("403")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_accepted_with_own_secrets_or_if_trusted_and_forwarded_for_alone_always_is() {
    let own = [
        ("secret", "a secret of our own"),
        ("admin-secret", "another one of our own"),
    ];
    for flags in [&own[..], &[("trusted-proxies", "127.0.0.1")]] {
        let server = Server::start(flags);
        for mark in FORWARDING_HEADERS {
            let request = Backend::of(&server)
                .unsigned(Method::GET, "/admin/sign_in")
                .header(mark, "x");
            assert_eq!(
                request.send().await.unwrap().status(),
                200,
                "{mark} with {flags:?}"
            );
        }
    }
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let alone = backend
        .request(Method::POST, "/info")
        .header("x-forwarded-for", "203.0.113.9");
    assert_eq!(alone.send().await.unwrap().status(), 200);
    // The health check of a container is sent from inside the container.
    assert_eq!(
        backend
            .unsigned(Method::GET, "/health")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}
