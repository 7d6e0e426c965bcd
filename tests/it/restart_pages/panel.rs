//! Tests of the admin panel: its information about the store, and its work after a restart.

use std::fs::{copy, rename};

use serde_json::json;

use super::{Stop, start, start_again, stop};
use crate::support::browser::{Browser, Window};
use crate::support::client::Backend;
use crate::support::folder::Folder;
use crate::support::server::Server;

async fn sign_in(browser: &Browser, server: &Server) -> Window {
    let window = browser.open(&server.address, "/admin").await;
    window.sign_in("admin_secret").await;
    window.wait_for_page("/admin").await;
    window.wait_for_text("#status", "live").await;
    window
}

/// Saves a screenshot of the end of the page.
async fn screenshot_of_end(window: &Window, name: &str) {
    window.run("scrollTo(0, document.body.scrollHeight)").await;
    window.assert_fits().await;
    window.assert_sound().await;
    window.screenshot(name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_says_that_nothing_is_kept() {
    let (server, browser) = (Server::start(&[]), Browser::start().await);
    let window = sign_in(&browser, &server).await;
    window
        .wait_for_text(
            "#store",
            "in memory only: they are gone when the server stops",
        )
        .await;
    screenshot_of_end(&window, "panel-store-memory").await;
    window.emulate_dark_phone().await;
    screenshot_of_end(&window, "panel-store-memory-phone").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_panel_shows_the_same_after_a_restart() {
    let folder = Folder::new();
    // Alice listens by no transport, and must not be parted while a slow browser draws the pages.
    let flags = [
        ("cookie-secret", "stays the same"),
        ("gc-conns-after", "600"),
    ];
    let server = start(&folder, &flags);
    let (browser, backend) = (Browser::start().await, Backend::of(&server));
    let config = json!({"store_history": true, "notify_presence": true});
    backend
        .post("/channel_config", json!({"news": config}))
        .await;
    backend.connect("alice", &["news"]).await;
    for number in 1..=3 {
        backend
            .say("news", json!({"text": format!("message {number}")}))
            .await;
    }
    let window = sign_in(&browser, &server).await;
    window
        .wait_for_text("#store", "Everything is kept in a file of")
        .await;
    window
        .wait_for_text("#store", "The last change was written")
        .await;
    window
        .wait_for_text("#store", "Bytes waiting to be written: 0.")
        .await;
    screenshot_of_end(&window, "panel-store-before").await;
    window.goto("/admin#view=channel&name=news").await;
    window
        .wait_for_text("[aria-label=History]", "message 3")
        .await;
    window.screenshot("panel-restart-channel-before").await;
    let texts = async || {
        let mut texts = Vec::new();
        for part in ["History", "Members", "Log"] {
            texts.push(window.text(&format!("[aria-label={part}]")).await);
        }
        texts
    };
    let before = texts().await;

    let server = stop(server, Stop::InOrder).await;
    window.wait_for_text("#status", "disconnected").await;
    let _server = start_again(server).await;
    window.wait_for_text("#status", "live").await;
    // The page is drawn anew, and does not show old content.
    window.goto("/admin#view=numbers").await;
    window
        .wait_for_text("#store", "Everything is kept in a file of")
        .await;
    window.goto("/admin#view=channel&name=news").await;
    window
        .wait_for_text("[aria-label=History]", "message 3")
        .await;
    assert_eq!(texts().await, before);
    window.screenshot("panel-restart-channel-after").await;
    window.console_problems().await;
    window.goto("/admin#view=numbers").await;
    window
        .wait_for_text("#store", "Everything is kept in a file of")
        .await;
    screenshot_of_end(&window, "panel-store-after").await;
    window.emulate_dark_phone().await;
    screenshot_of_end(&window, "panel-store-after-phone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_says_that_the_file_cannot_be_written_until_it_can() {
    let folder = Folder::new();
    let server = start(&folder, &[]);
    let browser = Browser::start().await;
    let window = sign_in(&browser, &server).await;
    window.wait_for_text("#store", "Everything is kept").await;
    let (path, aside) = (folder.path("store.sqlite"), folder.path("aside.sqlite"));
    rename(&path, &aside).unwrap();
    copy(&aside, &path).unwrap();
    window
        .wait_for_text("#store", "Calls that change something are refused")
        .await;
    window
        .wait_for_text("#store", "another file was put in its place")
        .await;
    window.find("#store.warning").await;
    screenshot_of_end(&window, "panel-store-error").await;
    rename(&aside, &path).unwrap();
    window.wait_for_text("#store", "Everything is kept").await;
    assert_eq!(
        window
            .run("return document.getElementById('store').className")
            .await,
        ""
    );
    rename(&path, &aside).unwrap();
    copy(&aside, &path).unwrap();
    window.emulate_dark_phone().await;
    window.find("#store.warning").await;
    screenshot_of_end(&window, "panel-store-error-phone").await;
}
