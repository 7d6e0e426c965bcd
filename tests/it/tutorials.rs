//! Each tutorial works from an empty folder, and each recipe in the folder of a tutorial: the test
//! creates the files of the page, runs its commands in their order, and uses the application in a
//! real browser.

use crate::support::browser::{Browser, Window};
use crate::support::guide::GuideApplication;

/// Lets two windows chat with each other. A third window, which comes later, shows what was written
/// before.
async fn chat(application: GuideApplication) {
    let browser = Browser::start().await;
    let open = async || browser.open(&application.address, "/").await;
    let (writer, reader) = (open().await, open().await);
    for (window, other, text) in [(&writer, &reader, "hello"), (&reader, &writer, "<i>hi</i>")] {
        say(window, text).await;
        for window in [window, other] {
            window
                .wait_for_text("#messages", &format!(": {text}"))
                .await;
        }
    }
    let late = open().await;
    late.wait_for_text("#messages", ": hello").await;
    for window in [writer, reader, late] {
        window.close().await;
    }
}

/// Writes a message.
async fn say(window: &Window, text: &str) {
    window.fill("input[name=text]", text).await;
    window.click("form button").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_for_flask_leads_to_a_chat() {
    chat(GuideApplication::follow(include_str!("../../docs/tutorials/flask.md")).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_for_django_leads_to_a_chat() {
    chat(GuideApplication::follow(include_str!("../../docs/tutorials/django.md")).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_for_node_leads_to_a_chat() {
    chat(GuideApplication::follow(include_str!("../../docs/tutorials/node.md")).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recipe_for_notifications_shows_them_at_once_and_after_loading_again() {
    let page = include_str!("../../docs/recipes/notifications.md");
    let application = GuideApplication::with_flask(page).await;
    let browser = Browser::start().await;
    let window = browser.open(&application.address, "/").await;
    window.wait_for_text("#count", "0").await;
    window.click("button").await;
    window.wait_for_text("#notifications", "on its way").await;
    window.wait_for_text("#count", "1").await;
    window.goto("/").await;
    window.wait_for_text("#count", "1").await;
    window.click("button").await;
    window.wait_for_text("#count", "2").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recipe_for_a_chat_lets_authors_change_and_delete() {
    let page = include_str!("../../docs/recipes/chat.md");
    let application = GuideApplication::with_flask(page).await;
    let browser = Browser::start().await;
    let open = async || browser.open(&application.address, "/").await;
    let (writer, reader) = (open().await, open().await);
    say(&writer, "hello").await;
    reader.wait_for_text("#messages", ": hello").await;
    writer.click_at("//button[.='Shout']").await;
    reader.wait_for_text("#messages", ": HELLO!").await;
    writer.click_at("//button[.='Delete']").await;
    reader.wait_until_text_is_gone("#messages", "HELLO").await;
    for window in [writer, reader] {
        window.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recipe_for_a_dashboard_shows_values() {
    let page = include_str!("../../docs/recipes/dashboard.md");
    let application = GuideApplication::with_flask(page).await;
    let browser = Browser::start().await;
    let window = browser.open(&application.address, "/").await;
    window.wait_for_text("#load", ".").await;
    let first = window.text("#time").await;
    assert!(first.contains(':'), "{first}");
    window.wait_until_text_is_gone("#time", &first).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recipe_for_presence_shows_who_is_there_and_away() {
    let page = include_str!("../../docs/recipes/presence.md");
    let application = GuideApplication::with_flask(page).await;
    let browser = Browser::start().await;
    let open = async || browser.open(&application.address, "/").await;
    let (first, second) = (open().await, open().await);
    second.wait_for_text("#users", "(here)guest-").await;
    first.click("button").await;
    second.wait_for_text("#users", "(away)").await;
    first.close().await;
    second.wait_until_text_is_gone("#users", "(away)").await;
    second.close().await;
}
