//! Tests of the demo in a real browser: two windows exchange messages.

use reqwest::Method;
use serde_json::json;

use crate::support::browser::{Browser, Window};
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::server::Server;

async fn join(browser: &Browser, server: &Server, name: &str) -> Window {
    browser.join_chat(&server.address, name).await
}

async fn say(window: &Window, text: &str) {
    window.fill("#text", text).await;
    window.click("#compose button").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_windows_talk_by_each_transport() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let bob = join(&browser, &server, "bob").await;
    alice.wait_for_text("#people", "bob").await;
    bob.wait_for_text("#people", "alice").await;
    for transport in ["websocket", "sse", "long-poll", "socket.io"] {
        alice.choose("#transport", transport).await;
        alice.wait_for_text("#connection", transport).await;
        bob.choose("#transport", transport).await;
        bob.wait_for_text("#connection", transport).await;
        say(&alice, &format!("hello by {transport}")).await;
        bob.wait_for_text("#messages", &format!("hello by {transport}"))
            .await;
        say(&bob, &format!("hello too by {transport}")).await;
        alice
            .wait_for_text("#messages", &format!("hello too by {transport}"))
            .await;
    }
    alice.screenshot("demo").await;
    alice.assert_sound().await;
    bob.assert_sound().await;
    alice.close().await;
    bob.close().await;
}

/// Returns the XPath of the window's last message with this text.
fn item(text: &str) -> String {
    format!("//ol[@id='messages']/li[.//span[@class='text' and text()='{text}']]")
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_edited_deleted_and_found_again() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let bob = join(&browser, &server, "bob").await;
    say(&alice, "frist").await;
    say(&alice, "second").await;
    bob.wait_for_text("#messages", "second").await;
    assert!(
        !bob.text("#messages").await.contains("Delete"),
        "others' messages cannot be changed"
    );
    alice.point_at(&item("frist")).await;
    alice
        .click_at(&format!("{}//button[text()='Edit']", item("frist")))
        .await;
    alice.fill("#messages form input", "first").await;
    alice.click("#messages form button").await;
    bob.wait_for_text("#messages", "first").await;
    bob.wait_for_text("#messages", "edited").await;
    alice.point_at(&item("second")).await;
    alice
        .click_at(&format!("{}//button[text()='Delete']", item("second")))
        .await;
    bob.wait_until_text_is_gone("#messages", "second").await;
    // A user who comes later sees the edited message.
    let carol = join(&browser, &server, "carol").await;
    carol.wait_for_text("#messages", "first").await;
    assert!(!carol.text("#messages").await.contains("frist"));
    alice.assert_sound().await;
    carol.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_joins_at_once_and_can_change_the_name() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let mut names = Vec::new();
    for _ in 0..2 {
        let window = browser.open(&server.address, "/demo").await;
        window.wait_for_text("#connection", "Connected by").await;
        window.wait_for_text("#people", " (you)").await;
        let you = "const items = [...document.querySelectorAll('#people li')];
             const you = items.find((item) => item.textContent.endsWith(' (you)'));
             return you.textContent.replace(' (you)', '')";
        let name = window.run(you).await;
        names.push((window, name.as_str().unwrap().to_owned()));
    }
    let ((window, name), (other, other_name)) = (&names[0], &names[1]);
    assert_ne!(name, other_name);
    window.wait_for_text("#people", other_name).await;
    window.click("#rename").await;
    let field = window.find("#join input[name=username]").await;
    assert_eq!(field.value().await.unwrap().as_deref(), Some(&**name));
    window.assert_sound_on_all_screens("demo-door").await;
    window.fill("#join input[name=username]", "alice").await;
    window.click("#join button").await;
    window.wait_for_text("#people", "alice (you)").await;
    other.wait_for_text("#people", "alice").await;
    other.wait_until_text_is_gone("#people", name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unplugged_client_catches_up_afterwards() {
    let server = Server::start(&[("demo", "true"), ("gc-conns-after", "600")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let bob = join(&browser, &server, "bob").await;
    for transport in ["websocket", "sse", "long-poll"] {
        alice.choose("#transport", transport).await;
        alice
            .wait_for_text("#connection", &format!("Connected by {transport}"))
            .await;
        alice.click("#plug").await;
        alice.wait_for_text("#connection", "Unplugged").await;
        for text in ["one", "two"] {
            say(&bob, &format!("{text} by {transport}")).await;
        }
        say(&alice, &format!("mine by {transport}")).await;
        bob.wait_for_text("#messages", &format!("mine by {transport}"))
            .await;
        assert!(
            !alice
                .text("#messages")
                .await
                .contains(&format!("two by {transport}"))
        );
        alice.click("#plug").await;
        alice
            .wait_for_text("#connection", &format!("Connected by {transport}"))
            .await;
        alice
            .wait_for_text("#catch-up", "Caught up: 3 messages")
            .await;
        for text in ["one", "two", "mine"] {
            let count = "return [...document.querySelectorAll('#messages .is-caught-up .text')]
                 .filter(({ textContent }) => textContent === arguments_text).length";
            let text = format!("'{text} by {transport}'");
            let count = alice.run(&count.replace("arguments_text", &text)).await;
            assert_eq!(count, 1, "{text}");
        }
    }
    // The note above the messages leaves the last one in view.
    let end = "const log = document.getElementById('log');
         return log.scrollHeight - log.scrollTop - log.clientHeight";
    assert!(alice.run(end).await.as_f64().unwrap() < 2.0);
    alice.assert_sound_on_all_screens("demo-caught-up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_user_are_grouped_and_the_pointer_shows_their_actions() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let bob = join(&browser, &server, "bob").await;
    for (window, text) in [
        (&alice, "one"),
        (&alice, "two"),
        (&bob, "three"),
        (&alice, "four"),
    ] {
        say(window, text).await;
        alice.wait_for_text("#messages", text).await;
    }
    let groups = "const items = [...document.querySelectorAll('#messages li[data-uuid]')];
         return items.map((item) => item.classList.contains('is-continued'))";
    assert_eq!(alice.run(groups).await, json!([false, true, false, false]));
    let opacity = "const item = document.querySelectorAll('#messages li[data-uuid]')[1];
         return getComputedStyle(item.querySelector('.actions')).opacity";
    assert_eq!(alice.run(opacity).await, "0");
    alice.point_at(&item("two")).await;
    eventually("the pointer shows the actions", async || {
        alice.run(opacity).await == "1"
    })
    .await;
    alice.screenshot("demo-actions").await;
    // The messages of others have no actions.
    bob.wait_for_text("#messages", "four").await;
    let actions = "return document.querySelectorAll('#messages .actions').length";
    assert_eq!(bob.run(actions).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn private_messages_are_shown_to_two_users_only() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let bob = join(&browser, &server, "bob").await;
    let carol = join(&browser, &server, "carol").await;
    alice
        .click_at("//ul[@id='people']//button[contains(., 'bob')]")
        .await;
    say(&alice, "between us").await;
    alice.wait_for_text("#messages", "between us").await;
    bob.wait_for_text("#private", "@alice").await;
    bob.wait_for_text("#private", "1 new").await;
    bob.click("#private button").await;
    bob.wait_for_text("#messages", "between us").await;
    say(&alice, "and this").await;
    bob.wait_for_text("#messages", "and this").await;
    say(&carol, "hello all").await;
    carol.wait_for_text("#messages", "hello all").await;
    assert_eq!(carol.text("#private").await, "");
    bob.assert_sound().await;
    bob.screenshot("demo-private").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_joined_and_left_and_states_are_seen() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let bob = join(&browser, &server, "bob").await;
    alice.choose_text("#status", "Busy").await;
    bob.wait_for_text("#people", "alice (\u{2068}busy\u{2069})")
        .await;
    for window in [&alice, &bob] {
        window.click("button[aria-label='Join quiet']").await;
        window.find("button[aria-label='Leave quiet']").await;
        window
            .click_at("//ul[@id='channels']//button[contains(., '#quiet')]")
            .await;
    }
    say(&alice, "hush").await;
    bob.wait_for_text("#messages", "hush").await;
    bob.click("button[aria-label='Leave quiet']").await;
    bob.find("button[aria-label='Join quiet']").await;
    alice.click("#leave").await;
    alice.find("#join").await;
    bob.click_at("//ul[@id='channels']//button[contains(., '#lobby')]")
        .await;
    bob.wait_for_text("#messages", "aliceleft").await;
    bob.wait_until_text_is_gone("#people", "alice").await;
    bob.assert_sound().await;
    alice.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_use_is_refused_and_a_reload_keeps_ones_own() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let other = browser.open(&server.address, "/demo?name=alice").await;
    other
        .wait_for_text("#join-error", "This name is taken")
        .await;
    say(&alice, "before").await;
    alice.wait_for_text("#messages", "before").await;
    alice.driver.refresh().await.unwrap();
    alice.wait_for_text("#connection", "Connected by").await;
    alice.wait_for_text("#messages", "before").await;
    alice.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_and_messages_are_text() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let names = [
        "<script>document.title = 'hacked'</script>".to_owned(),
        "\u{202e}live\u{202c}".to_owned(),
        "x".repeat(256),
    ];
    let bob = join(&browser, &server, "bob").await;
    for name in &names {
        let window = join(&browser, &server, name).await;
        bob.wait_for_text("#people", name).await;
        say(
            &window,
            &format!("<img src=x onerror=\"document.title = 'hacked'\"> \u{202e}{name}"),
        )
        .await;
        bob.wait_for_text(
            "#messages",
            &format!("<img src=x onerror=\"document.title = 'hacked'\"> \u{202e}{name}"),
        )
        .await;
        window.assert_sound().await;
    }
    assert_eq!(bob.driver.title().await.unwrap(), "Chat – Channelstream");
    bob.assert_sound().await;
    bob.screenshot("demo-hostile").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_survives_a_killed_and_restarted_server() {
    let mut server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let bob = join(&browser, &server, "bob").await;
    server.restart();
    alice.wait_for_text("#connection", "Connected by").await;
    bob.wait_for_text("#connection", "Connected by").await;
    alice.wait_for_text("#people", "bob").await;
    say(&alice, "still here").await;
    bob.wait_for_text("#messages", "still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_works_on_a_dark_phone() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let window = browser.open(&server.address, "/").await;
    window.emulate_dark_phone().await;
    window.assert_sound().await;
    window.assert_fits().await;
    window.goto("/demo?name=alice").await;
    window.wait_for_text("#connection", "Connected by").await;
    say(&window, "from a phone").await;
    window.wait_for_text("#messages", "from a phone").await;
    // The conversation fills the screen. What is set once is below it.
    let places = "const place = (id) => document.getElementById(id).getBoundingClientRect();
         return place('compose').bottom <= innerHeight && place('settings').top >= innerHeight";
    assert_eq!(window.run(places).await, true);
    window.assert_sound().await;
    window.assert_fits().await;
    window.screenshot("demo-phone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_links_of_the_front_page_work() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let window = browser.open(&server.address, "/").await;
    window
        .wait_for_text("header", concat!("Version ", env!("CARGO_PKG_VERSION")))
        .await;
    window.assert_sound().await;
    window.assert_sound_on_all_screens("front").await;
    for (link, path) in [
        ("demo", "/demo"),
        ("admin", "/admin/sign_in"),
        ("api-explorer", "/admin/sign_in"),
    ] {
        window.goto("/").await;
        window.click(&format!(".cards a[href='/{link}']")).await;
        window.wait_for_page(path).await;
        window.assert_sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_shows_the_address_at_which_it_was_reached() {
    let server = Server::start(&[("demo", "true"), ("trusted-proxies", "127.0.0.1")]);
    let browser = Browser::start().await;
    let window = browser.open(&server.address, "/").await;
    let text = window.text("main").await;
    let address = &server.address;
    assert!(
        text.contains(&format!("http://{address}/connect"))
            && text.contains(&format!("ws://{address}/ws?conn_id=")),
        "{text}"
    );
    // The page shows the address that the proxy reports, as text.
    let page = Backend::of(&server)
        .unsigned(Method::GET, "/")
        .header("x-forwarded-proto", "https");
    let page = page
        .header("x-forwarded-host", "push.example")
        .header("x-forwarded-prefix", "/<chan>");
    let page = page.send().await.unwrap().text().await.unwrap();
    let url = "push.example/&lt;chan&gt;";
    assert!(
        page.contains(&format!(" https://{url}/connect"))
            && page.contains(&format!("\"wss://{url}/ws?")),
        "{page}"
    );
    assert!(!page.contains("8000") && !page.contains("<chan>"), "{page}");
}
