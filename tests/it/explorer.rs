//! Tests of the description of the API, and of the page to try it.

use reqwest::Method;

use crate::support::browser::Browser;
use crate::support::client::Backend;
use crate::support::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_explorer_makes_a_signed_call() {
    let server = Server::start(&[("secret", "a secret of our own"), ("admin-secret", "panel")]);
    let browser = Browser::start().await;
    let window = browser.open(&server.address, "/api-explorer").await;
    window.sign_in("panel").await;
    window.wait_for_page("/api-explorer").await;
    window.find("#operations-channels-info").await;
    window.screenshot("explorer").await;
    window.fill("#secret", "a secret of our own").await;
    window
        .click("#operations-channels-info button.opblock-summary-control")
        .await;
    window
        .click("#operations-channels-info button.execute")
        .await;
    window
        .wait_for_text(
            "#operations-channels-info .live-responses-table .response .response-col_status",
            "200",
        )
        .await;
    window.assert_sound_on_all_screens("explorer").await;
    // The last look was at a dark page.
    let background =
        "return getComputedStyle(document.querySelector('.swagger-ui')).backgroundColor";
    assert_eq!(window.run(background).await, "rgb(21, 23, 26)");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_is_described_and_every_described_path_exists() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let description: serde_json::Value = backend
        .request(Method::GET, "/openapi.json")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let status = backend
                .unsigned(method.clone(), path)
                .send()
                .await
                .unwrap()
                .status();
            assert!(status != 404 && status != 500, "{method} {path}: {status}");
        }
    }
    let described = description["paths"].as_object().unwrap();
    let documented = include_str!("../../docs/api.md");
    for path in described.keys() {
        assert!(
            documented.contains(path.as_str()),
            "docs/api.md does not describe {path}"
        );
    }
}
