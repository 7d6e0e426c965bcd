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
    alice.says("#people", "bob").await;
    bob.says("#people", "alice").await;
    for transport in ["websocket", "sse", "long-poll"] {
        alice.choose("#transport", transport).await;
        alice.says("#connection", transport).await;
        bob.choose("#transport", transport).await;
        bob.says("#connection", transport).await;
        say(&alice, &format!("hello by {transport}")).await;
        bob.says("#messages", &format!("hello by {transport}"))
            .await;
        say(&bob, &format!("hello too by {transport}")).await;
        alice
            .says("#messages", &format!("hello too by {transport}"))
            .await;
    }
    alice.screenshot("demo").await;
    alice.is_sound().await;
    bob.is_sound().await;
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
    bob.says("#messages", "second").await;
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
    bob.says("#messages", "first").await;
    bob.says("#messages", "edited").await;
    alice.point_at(&item("second")).await;
    alice
        .click_at(&format!("{}//button[text()='Delete']", item("second")))
        .await;
    bob.stops_saying("#messages", "second").await;
    // A user who comes later sees the edited message.
    let carol = join(&browser, &server, "carol").await;
    carol.says("#messages", "first").await;
    assert!(!carol.text("#messages").await.contains("frist"));
    alice.is_sound().await;
    carol.is_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_joins_at_once_and_can_change_the_name() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let mut names = Vec::new();
    for _ in 0..2 {
        let window = browser.open(&server.address, "/demo").await;
        window.says("#connection", "Connected by").await;
        window.says("#people", " (you)").await;
        let you = "const items = [...document.querySelectorAll('#people li')];
             const you = items.find((item) => item.textContent.endsWith(' (you)'));
             return you.textContent.replace(' (you)', '')";
        let name = window.run(you).await;
        names.push((window, name.as_str().unwrap().to_owned()));
    }
    let ((window, name), (other, other_name)) = (&names[0], &names[1]);
    assert_ne!(name, other_name);
    window.says("#people", other_name).await;
    window.click("#rename").await;
    let field = window.find("#join input[name=username]").await;
    assert_eq!(field.value().await.unwrap().as_deref(), Some(&**name));
    window.is_sound_everywhere("demo-door").await;
    window.fill("#join input[name=username]", "alice").await;
    window.click("#join button").await;
    window.says("#people", "alice (you)").await;
    other.says("#people", "alice").await;
    other.stops_saying("#people", name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pulled_plug_is_followed_by_catch_up() {
    let server = Server::start(&[("demo", "true"), ("gc-conns-after", "600")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let bob = join(&browser, &server, "bob").await;
    for transport in ["websocket", "sse", "long-poll"] {
        alice.choose("#transport", transport).await;
        alice
            .says("#connection", &format!("Connected by {transport}"))
            .await;
        alice.click("#plug").await;
        alice.says("#connection", "Unplugged").await;
        for text in ["one", "two"] {
            say(&bob, &format!("{text} by {transport}")).await;
        }
        say(&alice, &format!("mine by {transport}")).await;
        bob.says("#messages", &format!("mine by {transport}")).await;
        assert!(
            !alice
                .text("#messages")
                .await
                .contains(&format!("two by {transport}"))
        );
        alice.click("#plug").await;
        alice
            .says("#connection", &format!("Connected by {transport}"))
            .await;
        alice.says("#catch-up", "Caught up: 3 messages").await;
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
    alice.is_sound_everywhere("demo-caught-up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_user_are_a_group_and_the_pointer_shows_what_can_be_done() {
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
        alice.says("#messages", text).await;
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
    bob.says("#messages", "four").await;
    let actions = "return document.querySelectorAll('#messages .actions').length";
    assert_eq!(bob.run(actions).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_private_is_read_by_two() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let bob = join(&browser, &server, "bob").await;
    let carol = join(&browser, &server, "carol").await;
    alice
        .click_at("//ul[@id='people']//button[contains(., 'bob')]")
        .await;
    say(&alice, "between us").await;
    alice.says("#messages", "between us").await;
    bob.says("#private", "@alice").await;
    bob.says("#private", "1 new").await;
    bob.click("#private button").await;
    bob.says("#messages", "between us").await;
    say(&alice, "and this").await;
    bob.says("#messages", "and this").await;
    say(&carol, "hello all").await;
    carol.says("#messages", "hello all").await;
    assert_eq!(carol.text("#private").await, "");
    bob.is_sound().await;
    bob.screenshot("demo-private").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_joined_and_left_and_states_are_seen() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let bob = join(&browser, &server, "bob").await;
    alice.choose_text("#status", "Busy").await;
    bob.says("#people", "alice (\u{2068}busy\u{2069})").await;
    for window in [&alice, &bob] {
        window.click("button[aria-label='Join quiet']").await;
        window.find("button[aria-label='Leave quiet']").await;
        window
            .click_at("//ul[@id='channels']//button[contains(., '#quiet')]")
            .await;
    }
    say(&alice, "hush").await;
    bob.says("#messages", "hush").await;
    bob.click("button[aria-label='Leave quiet']").await;
    bob.find("button[aria-label='Join quiet']").await;
    alice.click("#leave").await;
    alice.find("#join").await;
    bob.click_at("//ul[@id='channels']//button[contains(., '#lobby')]")
        .await;
    bob.says("#messages", "aliceleft").await;
    bob.stops_saying("#people", "alice").await;
    bob.is_sound().await;
    alice.is_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_use_is_refused_and_a_reload_keeps_ones_own() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let other = browser.open(&server.address, "/demo?name=alice").await;
    other.says("#join-error", "This name is taken").await;
    say(&alice, "before").await;
    alice.says("#messages", "before").await;
    alice.driver.refresh().await.unwrap();
    alice.says("#connection", "Connected by").await;
    alice.says("#messages", "before").await;
    alice.is_sound().await;
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
        bob.says("#people", name).await;
        say(
            &window,
            &format!("<img src=x onerror=\"document.title = 'hacked'\"> \u{202e}{name}"),
        )
        .await;
        bob.says(
            "#messages",
            &format!("<img src=x onerror=\"document.title = 'hacked'\"> \u{202e}{name}"),
        )
        .await;
        window.is_sound().await;
    }
    assert_eq!(bob.driver.title().await.unwrap(), "Chat – Channelstream");
    bob.is_sound().await;
    bob.screenshot("demo-hostile").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_and_restarted_server_is_survived() {
    let mut server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let alice = join(&browser, &server, "alice").await;
    let bob = join(&browser, &server, "bob").await;
    server.restart();
    alice.says("#connection", "Connected by").await;
    bob.says("#connection", "Connected by").await;
    alice.says("#people", "bob").await;
    say(&alice, "still here").await;
    bob.says("#messages", "still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_in_the_dark_shows_all_of_it() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let window = browser.open(&server.address, "/").await;
    window.looks_like_a_phone_in_the_dark().await;
    window.is_sound().await;
    window.fits().await;
    window.goto("/demo?name=alice").await;
    window.says("#connection", "Connected by").await;
    say(&window, "from a phone").await;
    window.says("#messages", "from a phone").await;
    // The conversation fills the screen. What is set once is below it.
    let places = "const place = (id) => document.getElementById(id).getBoundingClientRect();
         return place('compose').bottom <= innerHeight && place('settings').top >= innerHeight";
    assert_eq!(window.run(places).await, true);
    window.is_sound().await;
    window.fits().await;
    window.screenshot("demo-phone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_leads_on() {
    let server = Server::start(&[("demo", "true")]);
    let browser = Browser::start().await;
    let window = browser.open(&server.address, "/").await;
    window
        .says("header", concat!("Version ", env!("CARGO_PKG_VERSION")))
        .await;
    window.is_sound().await;
    window.is_sound_everywhere("front").await;
    for (link, path) in [
        ("demo", "/demo"),
        ("admin", "/admin/sign_in"),
        ("api-explorer", "/admin/sign_in"),
    ] {
        window.goto("/").await;
        window.click(&format!(".cards a[href='/{link}']")).await;
        window.arrives(path).await;
        window.is_sound().await;
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
