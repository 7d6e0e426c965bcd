//! The quick start works: its commands connect the page of the quick start and publish to it. Only
//! the port differs, so that tests run in parallel.

use std::process::Command;

use crate::support::browser::Browser;
use crate::support::folder::Folder;
use crate::support::scale::program;
use crate::support::server::Server;

const PAGE: &str = include_str!("../../docs/quick-start.md");

/// Returns the blocks of a language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("\n```{language}\n");
    let blocks = page.split(&fence).skip(1);
    blocks
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_quick_start_shows_the_first_message() {
    let (server, folder) = (Server::start(&[]), Folder::new());
    let page = PAGE.replace("127.0.0.1:8000", &server.address);
    let [html] = blocks(&page, "html")[..] else {
        panic!("there is not one page");
    };
    std::fs::write(folder.path("page.html"), html).unwrap();
    std::os::unix::fs::symlink(program(), folder.path("channelstream")).unwrap();
    let [define, connect, publish, info] = blocks(&page, "sh")[..] else {
        panic!("the calls are not those of the test");
    };
    let run = async |call: &str| {
        let script = format!("{define}\n{call}");
        let mut command = Command::new("sh");
        command.args(["-e", "-c", &script]);
        command.current_dir(folder.path("")).env_clear();
        command.env("PATH", std::env::var("PATH").unwrap());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{call} failed:\n{errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    let browser = Browser::start().await;
    let window = browser.open(&server.address, "/health").await;
    let file = format!("file://{}", folder.path("page.html"));
    window.driver.goto(file).await.unwrap();
    window.wait_for_text("#status", "Waiting").await;
    run(connect).await;
    window.wait_for_text("#status", "Connected.").await;
    run(publish).await;
    window.wait_for_text("#news", "bob: Hello").await;
    let channels = run(info).await;
    assert!(channels.contains("alice"), "{channels}");
    window.close().await;
}
