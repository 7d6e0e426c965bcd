//! Tests of the admin panel in a real browser.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::browser::{Browser, Window};
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

const UUID: &str = "7a6ff0f0-2b1d-4a53-9b7e-0a4b4e7a1a11";

/// Opens a window that is signed in.
async fn sign_in(browser: &Browser, server: &Server) -> Window {
    let window = browser.open(&server.address, "/admin").await;
    window.sign_in("admin_secret").await;
    window.wait_for_page("/admin").await;
    window.wait_for_text("#status", "live").await;
    window
}

async fn make_channels(backend: &Backend, count: usize) {
    let configs =
        (0..count).map(|number| (format!("room-{number:04}"), json!({"store_history": true})));
    backend
        .post("/channel_config", Value::Object(configs.collect()))
        .await;
}

/// Returns the number in the card with this title.
async fn number(window: &Window, title: &str) -> u64 {
    let script = format!(
        "const cards = [...document.querySelectorAll('.cards section')];
         const titled = cards.find((card) => card.querySelector('h2').textContent === '{title}');
         return titled.querySelector('b').textContent"
    );
    let text = window.run(&script).await;
    text.as_str()
        .unwrap()
        .replace(',', "")
        .parse()
        .unwrap_or_default()
}

async fn first_row(window: &Window) -> String {
    window.text("tbody tr").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_signs_in_looks_acts_and_signs_out() {
    let server = Server::start(&[]);
    let (backend, browser) = (Backend::of(&server), Browser::start().await);
    make_channels(&backend, 1000).await;
    let conn_id = backend.connect("alice", &["room-0007", "room-0008"]).await;
    let mut alice = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let window = sign_in(&browser, &server).await;

    // A thousand channels: the panel shows the requested page in the requested order.
    window.click_at("//nav//a[text()='Channels']").await;
    window.wait_for_text(".pages", "1 to 100 of 1,000").await;
    window.assert_sound().await;
    window.screenshot("panel-channels").await;
    window.click_at("//a[text()='Next →']").await;
    window.wait_for_text(".pages", "101 to 200 of 1,000").await;
    assert!(
        first_row(&window).await.starts_with("room-0100"),
        "{}",
        first_row(&window).await
    );
    window.click_at("//th/a[text()='Users']").await;
    window.wait_for_text("tbody tr", "room-0007").await;
    window.fill("input[type=search]", "OOM-0008").await;
    window.wait_for_text(".pages", "1 to 1 of 1").await;
    window.click_at("//td//a[.='room-0008']").await;
    window.wait_for_text("h1", "room-0008").await;
    window.wait_for_text("main", "1 user, 1 connection, ").await;

    // A message from this page is sent, and appears here without a reload.
    window
        .fill("textarea", r#"{"text": "from the panel"}"#)
        .await;
    window.click(".send button").await;
    let event = alice.event().await;
    assert_eq!(
        (&event["message"]["text"], &event["channel"]),
        (&json!("from the panel"), &json!("room-0008"))
    );
    window.wait_for_text("#notice", "Sent.").await;
    window
        .wait_for_text("[aria-label=History]", "from the panel")
        .await;
    window
        .wait_for_text("[aria-label=Log]", "from the panel")
        .await;
    window.assert_sound().await;
    window.assert_sound_on_all_screens("panel-channel").await;

    window.fill("input[name=history_size]", "3").await;
    window.click("input[name=notify_presence]").await;
    window.click(".settings button").await;
    window.wait_for_text("#notice", "Saved.").await;
    let info = backend
        .post("/info", json!({"info": {"channels": ["room-0008"]}}))
        .await;
    let settings = &info["channels"]["room-0008"]["settings"];
    assert_eq!(
        (&settings["history_size"], &settings["notify_presence"]),
        (&json!(3), &json!(true))
    );

    window.click_at("//td//a[.='alice']").await;
    window.wait_for_text("h1", "alice").await;
    window
        .wait_for_text("[aria-label=Connections]", "websocket")
        .await;
    window
        .wait_for_text("[aria-label=Connections]", "room-0007 room-0008")
        .await;
    window.assert_sound().await;
    window.screenshot("panel-user").await;
    window.click_at("//button[text()='Disconnect']").await;
    window.wait_for_text("#question-text", &conn_id).await;
    window.assert_sound().await;
    window.click("#question-yes").await;
    assert!(
        alice.ended(Duration::from_secs(10)).await.is_some(),
        "the connection was not ended"
    );
    window.wait_for_text("#notice", "Disconnected.").await;
    window
        .wait_for_text("[aria-label=Connections]", "Not connected.")
        .await;

    window.goto("/admin#view=channel&name=room-0009").await;
    window.click_at("//button[text()='Clear channel']").await;
    window.click("#question-yes").await;
    window.wait_for_text(".pages", "of 999").await;

    // This address has a typing error.
    window.goto("/admin#view=channels&offset=some").await;
    window
        .wait_for_text("#notice", "offset must be a whole number")
        .await;
    window.console_problems().await;
    window.goto("/admin#view=channels").await;
    window.wait_for_text(".pages", "of 999").await;
    assert_eq!(window.text("#notice").await, "");

    window.click_at("//button[text()='Sign out']").await;
    window.wait_for_page("/admin/sign_in").await;
    window.goto("/admin").await;
    window.wait_for_page("/admin/sign_in").await;
    window.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_update_by_themselves() {
    let server = Server::start(&[]);
    let (backend, browser) = (Backend::of(&server), Browser::start().await);
    let window = sign_in(&browser, &server).await;
    let conn_id = backend.connect("alice", &["busy"]).await;
    let _alice = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let polling = backend.connect("bob", &["busy"]).await;
    let stop = tokio::spawn({
        let backend = backend.clone();
        async move {
            for number in 0u64.. {
                backend.say("busy", json!({"number": number})).await;
                if number % 10 == 0 {
                    backend
                        .unsigned(Method::POST, "/message")
                        .send()
                        .await
                        .unwrap();
                }
                tokio::time::sleep(Duration::from_millis(5 + number / 20 % 20)).await;
            }
        }
    });
    let polls = tokio::spawn({
        let backend = backend.clone();
        async move {
            loop {
                backend.listen(&polling).await;
            }
        }
    });
    for title in [
        "Listening",
        "Messages in",
        "Deliveries out",
        "Refused calls",
        "Users",
        "Channels",
    ] {
        eventually(&format!("{title} moves"), async || {
            number(&window, title).await > 0
        })
        .await;
    }
    let remembered =
        "return document.querySelector('polyline').getAttribute('points').split(' ').length";
    eventually("a graph has grown", async || {
        window.run(remembered).await.as_u64() >= Some(15)
    })
    .await;
    window.wait_for_text(".cards", "server-sent events 0").await;
    check_graphs(&window).await;
    window.assert_sound_on_all_screens("panel-numbers").await;
    stop.abort();
    polls.abort();
    eventually("messages stop", async || {
        number(&window, "Messages in").await == 0
    })
    .await;
}

/// Checks the axes and the ranges of the graphs, and the values that the pointer and the keys show.
async fn check_graphs(window: &Window) {
    let labels = async |kind: &str| {
        let script = format!(
            "const graph = document.querySelectorAll('.graph')[1];
             return [...graph.querySelectorAll('text.{kind}')].map((text) => text.textContent)"
        );
        window.run(&script).await.as_array().unwrap().clone()
    };
    assert_eq!(labels("value").await[0], "0");
    assert!(labels("value").await.len() > 1);
    for (minutes, marks) in [("15", 2..4), ("60", 3..5), ("5", 4..6)] {
        window
            .click_at(&format!("//fieldset/label[contains(., '{minutes} min')]"))
            .await;
        let label = "return document.querySelector('.plot').ariaLabel";
        let label = window.run(label).await;
        assert!(
            label
                .as_str()
                .unwrap()
                .contains(&format!("last {minutes} min")),
            "{label}"
        );
        let shown = labels("time").await;
        assert!(marks.contains(&shown.len()), "{minutes} minutes: {shown:?}");
    }
    let second = "(//div[@class='plot'])[2]";
    window.point_at(second).await;
    window
        .wait_for_text(".cards section:nth-of-type(2) .readout", "messages ")
        .await;
    window.point_at("//h1").await;
    eventually("the values are hidden", async || {
        let hidden = "return document.querySelectorAll('.readout')[1].hidden";
        window.run(hidden).await == true
    })
    .await;
    window
        .run("document.querySelectorAll('.plot')[1].focus()")
        .await;
    window.press("\u{e012}").await; // The left arrow.
    window
        .wait_for_text(".cards section:nth-of-type(2) .readout", "messages ")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_text() {
    let server = Server::start(&[]);
    let (backend, browser) = (Backend::of(&server), Browser::start().await);
    let window = sign_in(&browser, &server).await;
    for name in [
        "<script>document.title = 'hacked'</script>",
        "\u{202e}live\u{202c} & \"quoted\" 100%+#?",
        &"x".repeat(256),
    ] {
        let body = json!({
            "username": name,
            "channels": [name],
            "user_state": {name: name},
            "state_public_keys": [name],
            "channel_configs": {name: {"store_history": true}},
        });
        backend.post("/connect", body).await;
        // An id that is used twice is a mistake of the caller, but both messages are shown.
        let message = |text: &str| {
            json!({
                "user": name,
                "channel": name,
                "uuid": UUID,
                "pm_users": [name],
                "message": {name: text},
            })
        };
        backend
            .post("/message", json!([message("first"), message(name)]))
            .await;
        window.goto("/admin#view=channels").await;
        window
            .click_at(&format!("//td//a[.={}]", xpath_text(name)))
            .await;
        window.wait_for_text("h1", name).await;
        window.wait_for_text("[aria-label=History]", "first").await;
        window.wait_for_text("[aria-label=History]", name).await;
        window
            .wait_for_text("[aria-label=Log]", &format!("\u{2068}{name}\u{2069}"))
            .await;
        window.wait_for_text("[aria-label=Members]", name).await;
        window.assert_sound().await;
        window
            .click_at(&format!(
                "//section[h2[starts-with(., 'Members')]]//td//a[.={}]",
                xpath_text(name)
            ))
            .await;
        window.wait_for_text("[aria-label=Connections]", name).await;
        window.wait_for_text("[aria-label=State]", name).await;
        window.assert_sound().await;
        window.goto("/admin#view=users").await;
        window.wait_for_text("tbody", name).await;
        window.assert_sound().await;
        assert_eq!(
            window.driver.title().await.unwrap(),
            "Users – Channelstream"
        );
    }
    window.screenshot("panel-hostile").await;
    window.emulate_dark_phone().await;
    for view in [
        "view=users".to_owned(),
        format!("view=channel&name={}", "x".repeat(256)),
        format!("view=user&name={}", "x".repeat(256)),
    ] {
        window.goto(&format!("/admin#{view}")).await;
        window.wait_for_text("main", &"x".repeat(256)).await;
        window.assert_fits().await;
        window.assert_sound().await;
    }
    window.screenshot("panel-hostile-phone").await;
}

/// Writes a text for XPath, which has no escapes.
fn xpath_text(text: &str) -> String {
    let parts: Vec<_> = text.split('\'').map(|part| format!("'{part}'")).collect();
    format!("concat('', {})", parts.join(", \"'\", "))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_survives_a_restart_and_notices_a_lost_session() {
    let mut server = Server::start(&[("cookie-secret", "stays the same")]);
    let browser = Browser::start().await;
    let window = sign_in(&browser, &server).await;
    server.restart();
    Backend::of(&server).connect("alice", &["reborn"]).await;
    window.goto("/admin#view=channels").await;
    window.wait_for_text("tbody", "reborn").await;
    window.wait_for_text("#status", "live").await;
    window.driver.delete_all_cookies().await.unwrap();
    window.goto("/admin#view=users").await;
    window.wait_for_page("/admin/sign_in").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_works_by_keyboard_on_a_dark_phone() {
    let server = Server::start(&[]);
    let (backend, browser) = (Backend::of(&server), Browser::start().await);
    make_channels(&backend, 5).await;
    let window = browser.open(&server.address, "/admin").await;
    window.emulate_dark_phone().await;
    window.wait_for_page("/admin/sign_in").await;
    window.press("admin\tadmin_secret\n").await;
    window.wait_for_page("/admin").await;
    window.wait_for_text("#status", "live").await;
    window.assert_sound().await;
    window.screenshot("panel-phone-numbers").await;
    window.tab_to("Channels").await;
    window.press("\n").await;
    window.wait_for_text(".pages", "of 5").await;
    window.tab_to("room-0003").await;
    window.press("\n").await;
    window.wait_for_text("h1", "room-0003").await;
    window.assert_sound().await;
    window.screenshot("panel-phone").await;
    window.tab_to("Clear channel").await;
    window.press(" ").await;
    window.tab_to("Clear").await;
    window.press("\n").await;
    window.wait_for_text(".pages", "of 4").await;
    window.assert_fits().await;
    window.assert_sound().await;
}
