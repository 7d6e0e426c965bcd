//! Tests of the demo in a real browser: two windows exchange messages.

use reqwest::Method;

use crate::support::browser::{Browser, Window};
use crate::support::client::Backend;
use crate::support::server::Server;

async fn join(browser: &Browser, server: &Server, name: &str) -> Window {
    let window = browser.open(&server.address, "/demo").await;
    window.fill("#join input[name=username]", name).await;
    window.click("#join button").await;
    window.says("#connection", "Connected by").await;
    window
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
    alice
        .click_at(&format!("{}//button[text()='Edit']", item("frist")))
        .await;
    alice.fill("#messages form input", "first").await;
    alice.click("#messages form button").await;
    bob.says("#messages", "first").await;
    bob.says("#messages", "edited").await;
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
    let other = browser.open(&server.address, "/demo").await;
    other.fill("#join input[name=username]", "alice").await;
    other.click("#join button").await;
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
    window.goto("/demo").await;
    window.fill("#join input[name=username]", "alice\n").await;
    window.says("#connection", "Connected by").await;
    say(&window, "from a phone").await;
    window.says("#messages", "from a phone").await;
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
    window.screenshot("front").await;
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
