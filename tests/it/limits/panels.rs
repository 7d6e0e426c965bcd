//! The limit of open admin panels.

use reqwest::{Method, Response};

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;

async fn open(backend: &Backend) -> Response {
    let request = backend.request(Method::GET, "/admin/live");
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn open_panels_limits_the_number_of_panels() {
    let server = Server::start(&[("open-panels", "2")]);
    let backend = Backend::of(&server);
    let opened = [open(&backend).await, open(&backend).await];
    assert!(opened.iter().all(|panel| panel.status() == 200));
    let refused = open(&backend).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let text = refused.text().await.unwrap();
    assert!(text.contains("open_panels"), "{text}");
    // A panel that was closed leaves room for another.
    drop(opened);
    eventually("a panel can be opened", async || {
        open(&backend).await.status() == 200
    })
    .await;
}
