//! Tests of the demo: two users continue the same chat.

use serde_json::{Value, json};

use super::{Stop, start, start_again, stop};
use crate::support::browser::{Browser, Window};
use crate::support::eventually;
use crate::support::folder::Folder;
use crate::support::server::Server;

async fn join(browser: &Browser, server: &Server, name: &str) -> Window {
    browser.join_chat(&server.address, name).await
}

async fn say(window: &Window, text: &str) {
    window.fill("#text", text).await;
    window.click("#compose button").await;
}

/// Returns the conversation in the window: the messages with their authors, and the notices.
async fn conversation(window: &Window) -> Vec<String> {
    let script = "return [...document.querySelectorAll('#messages li')].map((item) => {
             const text = (css) => item.querySelector(css)?.textContent ?? '';
             const isNotice = item.classList.contains('is-notice');
             if (isNotice) return `${text('.who')} ${item.childNodes[1].data.trim()}`;
             return `${text('.who')}: ${text('.text')}`;
         })";
    let shown = window.run(script).await;
    let lines = shown.as_array().unwrap().iter();
    lines
        .map(|line| line.as_str().unwrap().to_owned())
        .collect()
}

/// Waits until the window shows this conversation.
async fn wait_for_conversation(window: &Window, expected: &[String]) {
    eventually(&format!("{expected:#?} is shown"), async || {
        conversation(window).await == expected
    })
    .await;
}

/// Waits until the page listens again. Its waits grow with each failed attempt, so the test tells
/// it that the network is back.
async fn wait_until_listening(window: &Window) {
    eventually("the page listens again", async || {
        window.run("dispatchEvent(new Event('online'))").await;
        window.text("#connection").await.contains("Connected by")
    })
    .await;
}

/// Returns the list of present users that the page shows.
async fn people(window: &Window) -> Value {
    window
        .run("return [...document.querySelectorAll('#people li')].map((item) => item.textContent)")
        .await
}

/// Returns the number of times that the page asked to be connected.
async fn connect_calls(window: &Window) -> Value {
    window
        .run(
            "const calls = performance.getEntriesByType('resource');
             return calls.filter(({ name }) => name.endsWith('/demo/connect')).length",
        )
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_people_go_on_in_the_same_chat_by_each_transport() {
    let folder = Folder::new();
    let mut server = start(&folder, &[("demo", "true")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let bob = join(&browser, &server, "bob").await;
    bob.choose_text("#status", "Busy").await;
    alice.wait_for_text("#people", "busy").await;
    let here = [people(&alice).await, people(&bob).await];
    // Bob was not there when he came in.
    let mut said = [vec!["bob joined".to_owned()], Vec::new()];
    for (kind, transport) in [
        ("best", ""),
        ("websocket", "websocket"),
        ("sse", "sse"),
        ("long-poll", "long-poll"),
    ] {
        let name = |who: &str, moment: &str| format!("restart-chat-{kind}-{who}-{moment}");
        for window in [&alice, &bob] {
            window.choose("#transport", transport).await;
            let listening = format!("Connected by {transport}");
            window.wait_for_text("#connection", &listening).await;
        }
        let (before, during, after) = (
            format!("before the restart ({kind})"),
            format!("typed while the server was away ({kind})"),
            format!("after the restart ({kind})"),
        );
        say(&alice, &before).await;
        bob.wait_for_text("#messages", &before).await;
        alice.screenshot(&name("alice", "before")).await;
        bob.screenshot(&name("bob", "before")).await;

        server = stop(server, Stop::InOrder).await;
        for window in [&alice, &bob] {
            window.wait_for_text("#connection", "Disconnected").await;
        }
        say(&alice, &during).await;
        alice
            .wait_for_text("#chat-error", "The server cannot be reached.")
            .await;
        alice.screenshot(&name("alice", "away")).await;

        server = start_again(server).await;
        for window in [&alice, &bob] {
            wait_until_listening(window).await;
        }
        // The text is still in the form, and another click sends it.
        alice.click("#compose button").await;
        bob.wait_for_text("#messages", &during).await;
        alice
            .wait_until_text_is_gone("#chat-error", "The server cannot be reached.")
            .await;
        say(&bob, &after).await;
        for (window, said) in [&alice, &bob].into_iter().zip(&mut said) {
            said.extend([
                format!("alice: {before}"),
                format!("alice: {during}"),
                format!("bob: {after}"),
            ]);
            wait_for_conversation(window, said).await;
        }
        alice.screenshot(&name("alice", "after")).await;
        bob.screenshot(&name("bob", "after")).await;
        assert_eq!([people(&alice).await, people(&bob).await], here);
    }
    assert_eq!(
        [connect_calls(&alice).await, connect_calls(&bob).await],
        [1, 1]
    );
    // A third user finds the same users, and the messages that the channel keeps.
    let carol = join(&browser, &server, "carol").await;
    wait_for_conversation(&carol, &said[1]).await;
    let others = ["alice", "bob (\u{2068}busy\u{2069})", "carol (you)"];
    assert_eq!(people(&carol).await, json!(others));
}

/// Two users exchange private messages, and the server is killed in between. Returns what each of
/// them sees at the end: their private messages and the lobby.
async fn talk_in_private(sync: &str) -> [Vec<String>; 4] {
    let folder = Folder::new();
    let server = start(&folder, &[("demo", "true"), ("store-sync", sync)]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let bob = join(&browser, &server, "bob").await;
    alice
        .click_at("//ul[@id='people']//button[contains(., 'bob')]")
        .await;
    say(&alice, "between us").await;
    bob.wait_for_text("#private", "1 new").await;
    let here = [people(&alice).await, people(&bob).await];

    let server = stop(server, Stop::Killed).await;
    for window in [&alice, &bob] {
        window.wait_for_text("#connection", "Disconnected").await;
    }
    let _server = start_again(server).await;
    for window in [&alice, &bob] {
        wait_until_listening(window).await;
    }
    bob.wait_for_text("#private", "1 new").await;
    bob.click("#private button").await;
    bob.wait_for_text("#messages", "between us").await;
    say(&bob, "and after").await;
    alice.wait_for_text("#messages", "and after").await;
    bob.wait_for_text("#messages", "and after").await;

    assert_eq!([people(&alice).await, people(&bob).await], here);
    assert_eq!(
        [connect_calls(&alice).await, connect_calls(&bob).await],
        [1, 1]
    );
    let mut shown = Vec::new();
    for (who, window) in [("alice", &alice), ("bob", &bob)] {
        let name = format!("restart-private-{sync}-{who}");
        window.screenshot(&name).await;
        shown.push(conversation(window).await);
        window
            .click_at("//ul[@id='channels']//button[contains(., '#lobby')]")
            .await;
        window.wait_for_text("#title", "lobby").await;
        shown.push(conversation(window).await);
    }
    shown.try_into().unwrap()
}

const IN_PRIVATE: [&str; 2] = ["alice: between us", "bob: and after"];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn private_conversations_continue_after_the_server_is_killed() {
    let [private, lobby, same, other_lobby] = talk_in_private("always").await;
    assert_eq!([private, same], [IN_PRIVATE, IN_PRIVATE]);
    assert_eq!(lobby, ["bob joined"]);
    assert_eq!(other_lobby, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_possible_loss_at_a_kill_causes_a_notice_and_nothing_else() {
    let shown = talk_in_private("interval").await.concat();
    let (warnings, others): (Vec<_>, Vec<_>) = shown
        .iter()
        .map(String::as_str)
        .partition(|line| *line == " Some messages may be missing here.");
    assert!(!warnings.is_empty());
    assert_eq!(
        others,
        [&IN_PRIVATE[..], &["bob joined"], &IN_PRIVATE].concat()
    );
}
