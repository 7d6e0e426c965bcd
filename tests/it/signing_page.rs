//! The examples of `docs/signing.md` sign as the server expects it. Ruby, PHP and Go are not
//! installed for the tests.

use std::process::Command;

use reqwest::Method;
use serde_json::json;

use crate::support::client::Backend;
use crate::support::server::Server;

const PAGE: &str = include_str!("../../docs/signing.md");

/// Returns the example in a language, which defines the function `sign`.
fn example(language: &str) -> &'static str {
    let fence = format!("\n```{language}\n");
    let after = PAGE.split(&fence).last().unwrap();
    after.split("\n```").next().unwrap()
}

/// Runs a program, which gets an example and a line that prints a signature of `/message`.
fn run(program: &str, flag: &str, code: String) -> String {
    let output = Command::new(program).args([flag, &code]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} failed:\n{errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_sign_calls_that_the_server_accepts() {
    let server = Server::start(&[("signature-scope", "path")]);
    let backend = Backend::of(&server);
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/target/original/bin/python");
    let runs = [
        ("python", python, "-c", "print(sign('secret', '/message'))"),
        (
            "js",
            "node",
            "-e",
            "console.log(sign('secret', '/message'))",
        ),
        ("sh", "sh", "-c", "sign secret /message"),
    ];
    for (language, program, flag, call) in runs {
        let signature = run(program, flag, format!("{}\n{call}\n", example(language)));
        let response = backend
            .unsigned(Method::POST, "/message")
            .header("x-channelstream-secret", &signature)
            .json(&json!([{"user": "bob", "channel": "news", "message": {}}]));
        let response = response.send().await.unwrap();
        assert_eq!(response.status(), 200, "{language}: {signature}");
    }
}
