//! Tests of the files of the pages: they are small, compressed and cached by browsers. The pages
//! can also be turned off.

use std::collections::BTreeSet;

use reqwest::Method;
use reqwest::header::HeaderMap;

use crate::support::client::Backend;
use crate::support::server::Server;

/// Returns the paths that a page or a file mentions.
fn named(text: &str) -> Vec<String> {
    let quoted = text.split(['"', '\'']);
    quoted
        .filter(|part| {
            let is_path = !part.contains(|letter: char| letter.is_whitespace() || letter == '<');
            let names_file = part.contains("static/") || part.starts_with("./");
            is_path && (names_file || part.starts_with("../"))
        })
        .map(str::to_owned)
        .collect()
}

/// Returns the path that the file at `path` means by `name`.
fn resolve(path: &str, name: &str) -> String {
    let base = reqwest::Url::parse("http://server").unwrap();
    let url = base.join(path).unwrap().join(name).unwrap();
    url.path().to_owned()
}

async fn get(backend: &Backend, path: &str, header: (&str, &str)) -> (u16, HeaderMap, Vec<u8>) {
    // A caller who has signed the request sees the panel too.
    let response = backend
        .request(Method::GET, path)
        .header(header.0, header.1)
        .send()
        .await
        .unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn front_page_panel_and_demo_are_small_compressed_and_kept() {
    let server = Server::start(&[("demo", "true")]);
    let backend = Backend::of(&server);
    let (mut size, mut found) = (0, BTreeSet::new());
    let mut to_read: Vec<String> = ["/", "/demo", "/admin/sign_in", "/admin"]
        .map(str::to_owned)
        .into();
    while let Some(path) = to_read.pop() {
        let (status, headers, body) = get(&backend, &path, ("accept", "*/*")).await;
        assert_eq!(status, 200, "{path}");
        size += body.len();
        let text = String::from_utf8(body).unwrap();
        for name in named(&text) {
            let name = resolve(&path, &name);
            // The front page also mentions the client's own path, for people to read.
            if name.matches('/').count() > 2 && found.insert(name.clone()) {
                to_read.push(name);
            }
        }
        if path.starts_with("/static") {
            assert_eq!(
                headers["cache-control"], "public, max-age=31536000, immutable",
                "{path}"
            );
            let tag = headers["etag"].to_str().unwrap();
            assert_eq!(
                get(&backend, &path, ("if-none-match", tag)).await.0,
                304,
                "{path}"
            );
            for encoding in ["br", "gzip"] {
                let (_, headers, packed) =
                    get(&backend, &path, ("accept-encoding", encoding)).await;
                assert_eq!(headers["content-encoding"], encoding, "{path}");
                assert!(
                    packed.len() < text.len(),
                    "{path}: {} instead of {}",
                    packed.len(),
                    text.len()
                );
            }
        }
    }
    println!("{size} bytes: {found:?}");
    for file in [
        "demo.js",
        "demo-view.js",
        "panel.js",
        "panel-channel.js",
        "channelstream.js",
        "transports.js",
        "base.css",
        "icon.svg",
    ] {
        assert!(
            found.iter().any(|name| name.ends_with(file)),
            "{file} was not found: {found:?}"
        );
    }
    assert!(size < 160 * 1024, "{size} bytes");
    let (_, headers, _) = get(&backend, "/static/channelstream.js", ("accept", "*/*")).await;
    assert_eq!(headers["cache-control"], "no-cache");
    assert_eq!(
        get(&backend, "/static/old/channelstream.js", ("accept", "*/*"))
            .await
            .1["cache-control"],
        "no-cache"
    );
    assert_eq!(
        get(&backend, "/static/../Cargo.toml", ("accept", "*/*"))
            .await
            .0,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_and_the_demo_are_off_by_default() {
    let own = [("secret", "of our own"), ("admin-secret", "of our own")];
    for (flags, status) in [
        (&[][..], 404),
        (&[("demo", "false")], 404),
        (&[("demo", "true")], 200),
        (&[("host", "0.0.0.0"), own[0], own[1]], 404),
        (
            &[("host", "0.0.0.0"), ("demo", "true"), own[0], own[1]],
            200,
        ),
    ] {
        let server = Server::start(flags);
        let backend = Backend::of(&server);
        for path in ["/", "/demo"] {
            assert_eq!(
                get(&backend, path, ("accept", "*/*")).await.0,
                status,
                "{path} with {flags:?}"
            );
        }
        for path in [
            "connect",
            "subscribe",
            "unsubscribe",
            "user_state",
            "message",
        ] {
            let response = backend
                .unsigned(Method::POST, &format!("/demo/{path}"))
                .body("{}")
                .send()
                .await
                .unwrap();
            assert_eq!(
                response.status() == 404,
                status == 404,
                "/demo/{path} with {flags:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_served_where_the_original_serves_its_own() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    for (file, exports) in [
        (
            "index.js",
            &["ChannelStreamConnection", "ChannelStreamSigner"][..],
        ),
        ("channelstream.js", &["ChannelStreamConnection"]),
        ("signer.js", &["ChannelStreamSigner"]),
    ] {
        let (status, headers, body) = get(
            &backend,
            &format!("/static/channelstream/{file}"),
            ("accept", "*/*"),
        )
        .await;
        assert_eq!(
            (status, headers["content-type"].to_str().unwrap()),
            (200, "text/javascript; charset=utf-8"),
            "{file}"
        );
        // Pages of an application have another origin.
        assert_eq!(headers["access-control-allow-origin"], "*", "{file}");
        assert_eq!(headers["cache-control"], "no-cache", "{file}");
        let text = String::from_utf8(body).unwrap();
        let named = |name: &&&str| {
            text.lines()
                .any(|line| line.starts_with("export") && line.contains(**name))
        };
        assert_eq!(
            exports.iter().filter(named).count(),
            exports.len(),
            "{file}"
        );
        for import in text
            .split("from './")
            .skip(1)
            .map(|rest| rest.split('\'').next().unwrap())
        {
            let (status, _, _) = get(
                &backend,
                &format!("/static/channelstream/{import}"),
                ("accept", "*/*"),
            )
            .await;
            assert_eq!(status, 200, "{file} imports {import}");
        }
    }
}
