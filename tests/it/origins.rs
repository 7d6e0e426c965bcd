//! Tests of the origins whose pages may listen.

use reqwest::{Method, Response};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, http};

use crate::support::client::Backend;
use crate::support::server::Server;

/// Opens a websocket from a page of this origin. Returns the refusal, if it is refused.
async fn open_websocket(
    server: &Server,
    conn_id: &str,
    origin: Option<&str>,
) -> Result<(), http::Response<Option<Vec<u8>>>> {
    let url = format!("ws://{}/ws?conn_id={conn_id}", server.address);
    let mut request = url.into_client_request().unwrap();
    if let Some(origin) = origin {
        let headers = request.headers_mut();
        headers.insert("origin", origin.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok(_) => Ok(()),
        Err(Error::Http(response)) => Err(*response),
        Err(error) => panic!("{error}"),
    }
}

async fn open_stream(backend: &Backend, conn_id: &str, origin: Option<&str>) -> Response {
    let path = format!("/sse?conn_id={conn_id}");
    let mut request = backend.unsigned(Method::GET, &path);
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_is_refused_and_told_what_to_change() {
    let server = Server::start(&[("allow-origins", "https://app.example, other.example")]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    for origin in [
        Some("https://app.example"),
        Some("http://other.example:8080"),
        None,
    ] {
        assert!(
            open_websocket(&server, &conn_id, origin).await.is_ok(),
            "{origin:?}"
        );
        let stream = open_stream(&backend, &conn_id, origin).await;
        assert_eq!(stream.status(), 200, "{origin:?}");
    }
    for origin in [
        "http://app.example",
        "https://app.example:8443",
        "https://evil.example",
        "null",
    ] {
        let refusal = open_websocket(&server, &conn_id, Some(origin)).await;
        let refusal = refusal.expect_err(origin);
        assert_eq!(refusal.status(), 403, "{origin}");
        let expected =
            format!("pages of the origin {origin} may not listen here: it is not in allow_origins");
        let body = String::from_utf8(refusal.body().clone().unwrap()).unwrap();
        assert!(body.contains(&expected), "{body}");
        let refusal = open_stream(&backend, &conn_id, Some(origin)).await;
        assert_eq!(refusal.status(), 403, "{origin}");
        let body = refusal.text().await.unwrap();
        assert!(body.contains(&expected), "{body}");
    }
    server.log_line(
        "refused /ws to a page of the origin http://app.example: add the origin to allow_origins",
    );
    // Calls that the list does not concern still work.
    let calls = backend.unsigned(Method::GET, "/health");
    let answer = calls.header("origin", "https://evil.example").send().await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_may_listen_where_no_origin_is_listed() {
    let server = Server::start(&[]);
    let conn_id = Backend::of(&server).connect("alice", &["room"]).await;
    let opened = open_websocket(&server, &conn_id, Some("https://any.example")).await;
    assert!(opened.is_ok());
}
