//! Clients that tools generate from the description compile, and can publish a message. `make .node
//! .python` installs the tools.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::description::description;
use crate::support::client::Backend;
use crate::support::server::Server;
use crate::support::signing::{now, sign};
use crate::support::websocket::WebSocket;

/// Returns the folder of the installed tools, and a new folder in it with the description and one
/// of our files.
async fn folder(backend: &Backend, installed: &str, file: &str) -> (PathBuf, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = root.join("target").join(installed);
    assert!(
        tools.join("ready").exists(),
        "the tools are missing: run make .{installed}"
    );
    let folder = tools.join("client");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("openapi.json"),
        description(backend).await.to_string(),
    )
    .unwrap();
    std::fs::copy(root.join("tests/generated").join(file), folder.join(file)).unwrap();
    (tools, folder)
}

/// Runs a program that must succeed. Proxies and settings of the machine have no effect on it.
async fn run(folder: &Path, binaries: &Path, program: &str, arguments: &[&str]) {
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let found = binaries.join(program);
    let mut command = Command::new(if found.exists() {
        found
    } else {
        program.into()
    });
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", path);
    let name = format!("{program} {}", arguments.join(" "));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let [out, err] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(output.status.success(), "{name} failed:\n{out}\n{err}");
}

/// Returns a client that listens to a server, and the values that the generated client needs to
/// publish.
async fn listener(server: &Server, backend: &Backend) -> (WebSocket, String, String) {
    let conn_id = backend.connect("alice", &["news"]).await;
    let socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    (
        socket,
        format!("http://{}", server.address),
        sign("secret", "/message", now()),
    )
}

async fn assert_message_arrives(mut socket: WebSocket) {
    let event: Value = socket.event().await;
    assert_eq!(
        (&event["type"], &event["user"], &event["channel"]),
        (&json!("message"), &json!("bob"), &json!("news"))
    );
    assert_eq!(
        event["message"],
        json!({"text": "hello", "deep": {"list": [1, null, "two"]}})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_generated_in_typescript_compiles_and_publishes_a_message() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let (tools, folder) = folder(&backend, "node", "publish.ts").await;
    let binaries = tools.join("node_modules/.bin");
    run(
        &folder,
        &binaries,
        "openapi-typescript",
        &["openapi.json", "-o", "schema.d.ts"],
    )
    .await;
    run(
        &folder,
        &binaries,
        "tsc",
        &[
            "--strict",
            "--noUncheckedIndexedAccess",
            "--target",
            "es2022",
            "--module",
            "nodenext",
            "publish.ts",
        ],
    )
    .await;
    let (socket, address, signature) = listener(&server, &backend).await;
    run(
        &folder,
        &binaries,
        "node",
        &["publish.js", &address, &signature],
    )
    .await;
    assert_message_arrives(socket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_generated_in_python_passes_the_type_checker_and_publishes_a_message() {
    let server = Server::start(&[]);
    let backend = Backend::of(&server);
    let (tools, folder) = folder(&backend, "python", "publish.py").await;
    let binaries = tools.join("bin");
    let generate = [
        "generate",
        "--path",
        "openapi.json",
        "--output-path",
        "generated",
        "--meta",
        "none",
        "--fail-on-warning",
    ];
    run(&folder, &binaries, "openapi-python-client", &generate).await;
    // The generator's own files, such as `client.py`, do not depend on the description.
    let check = ["--follow-imports=silent", "--cache-dir=../mypy-cache"];
    run(
        &folder,
        &binaries,
        "mypy",
        &[&check[..], &["--strict", "publish.py"]].concat(),
    )
    .await;
    run(
        &folder,
        &binaries,
        "mypy",
        &[&check[..], &["generated/models", "generated/api"]].concat(),
    )
    .await;
    let (socket, address, signature) = listener(&server, &backend).await;
    run(
        &folder,
        &binaries,
        "python",
        &["publish.py", &address, &signature],
    )
    .await;
    assert_message_arrives(socket).await;
}
