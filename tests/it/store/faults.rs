//! Tests of files that cannot be used: the disk is full, or the file is gone, in use, newer or
//! damaged.

use std::io::{Seek, SeekFrom, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::{crashed, flushed, info, ready, start};
use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::folder::Folder;
use crate::support::scale::program;
use crate::support::server::{Server, command};
use crate::support::websocket::WebSocket;

/// Starts a server that must refuse to start, and returns its output. The server tries for a while
/// to get a file that is in use.
fn refused(folder: &Folder, more: &[&str]) -> String {
    let path = folder.path("store.sqlite");
    let mut arguments = vec![
        "--port",
        "0",
        "--store",
        "file",
        "--store-path",
        path.as_str(),
    ];
    arguments.extend(more);
    let (code, text) = command(&arguments, &[]);
    assert_eq!(code, Some(1), "{text}");
    text
}

async fn say(backend: &Backend, n: u64) -> u16 {
    let message = json!({"n": n, "filler": "x".repeat(20_000)});
    let body = json!([{"user": "b", "channel": "room", "message": message}]);
    backend
        .send(Method::POST, "/message", &body)
        .await
        .status()
        .as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_waits_and_then_says_who_holds_the_file() {
    let folder = Folder::new();
    let server = start(&folder, &[]);
    let backend = Backend::of(&server);
    backend.connect("alice", &["room"]).await;
    let text = tokio::task::spawn_blocking(move || {
        let text = refused(&folder, &["--drain-time", "0", "--close-grace", "0"]);
        (text, folder)
    });
    let (text, _folder) = text.await.unwrap();
    assert!(
        text.contains("store.sqlite") && text.contains("held by"),
        "{text}"
    );
    assert_eq!(ready(&backend).await.0, 200);
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_removed_is_noticed_and_written_anew() {
    let folder = Folder::new();
    let server = start(&folder, &[]);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    assert_eq!(say(&backend, 1).await, 200);
    flushed(&backend).await;
    std::fs::remove_file(folder.path("store.sqlite")).unwrap();
    let removed = Instant::now();
    eventually("the server notices that the file is gone", async || {
        ready(&backend).await.0 == 503
    })
    .await;
    assert!(
        removed.elapsed() < Duration::from_secs(4),
        "{:?}",
        removed.elapsed()
    );
    assert_eq!(say(&backend, 2).await, 503);
    assert_eq!(ready(&backend).await.1["status"], "failing");
    // Attached clients are served meanwhile.
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    assert_eq!(socket.event().await["message"]["n"], 1);
    eventually("the file is written anew", async || {
        ready(&backend).await.0 == 200
    })
    .await;
    assert_eq!(say(&backend, 3).await, 200);
    let before = info(&backend).await;
    flushed(&backend).await;
    let server = crashed(server).await;
    assert_eq!(info(&backend).await, before);
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let events = socket
        .events(3, Duration::from_secs(5), Duration::from_millis(200))
        .await;
    let numbers: Vec<_> = events
        .iter()
        .filter_map(|event| event["message"]["n"].as_u64())
        .collect();
    assert!(numbers.contains(&3), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_refused_in_time_on_a_full_disk_and_nothing_is_lost_afterwards() {
    let folder = Folder::new();
    let mounted = folder.path("disk");
    std::fs::create_dir(&mounted).unwrap();
    let mut shell = Command::new("unshare");
    let script = "mount -t tmpfs -o size=40m tmpfs \"$0\" && exec \"$@\"";
    shell
        .args([
            "-r",
            "-m",
            "sh",
            "-c",
            script,
            &mounted,
            &program(),
            "--port",
            "0",
            "--store",
            "file",
        ])
        .args(["--store-path", &format!("{mounted}/store.sqlite")])
        .stdin(Stdio::null());
    let server = Server::run(shell);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    // The path of the folder, as the server sees it.
    let disk = format!("/proc/{}/root{mounted}", server.id());
    let ballast = format!("{disk}/filler");
    let mut filler = std::fs::File::create(&ballast).unwrap();
    while filler.write_all(&[0; 1 << 16]).is_ok() {}
    let (mut answered, mut n) = (Vec::new(), 0);
    let full = Instant::now();
    let mut refused = 0;
    while refused < 20 {
        assert!(
            full.elapsed() < Duration::from_secs(60),
            "the disk was never full"
        );
        n += 1;
        match say(&backend, n).await {
            200 => answered.push(n),
            503 => refused += 1,
            status => panic!("{status}"),
        }
        // The file grows as long as the ballast of the store gives it room.
        let _ = filler.write_all(&[0; 1 << 16]);
    }
    let (status, body) = ready(&backend).await;
    assert_eq!(
        (status, body["status"].as_str()),
        (503, Some("failing")),
        "{body}"
    );
    assert!(body["store"]["file"]["error"].is_string(), "{body}");
    // Accepted messages are still delivered.
    let mut seen = Vec::new();
    while seen.len() < answered.len() {
        seen.extend(socket.event().await["message"]["n"].as_u64());
    }
    assert_eq!(seen, answered);
    drop(filler);
    std::fs::remove_file(&ballast).unwrap();
    eventually("there is space again", async || {
        ready(&backend).await.0 == 200
    })
    .await;
    assert_eq!(say(&backend, n + 1).await, 200);
    answered.push(n + 1);
    flushed(&backend).await;
    // The mount ends with the process, so its files are copied before.
    for name in ["store.sqlite", "store.sqlite-wal"] {
        let _ = std::fs::copy(format!("{disk}/{name}"), folder.path(name));
    }
    drop(server);
    let server = start(&folder, &[]);
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();
    let events = socket
        .events(
            answered.len(),
            Duration::from_secs(5),
            Duration::from_millis(300),
        )
        .await;
    let after: Vec<_> = events
        .iter()
        .filter_map(|event| event["message"]["n"].as_u64())
        .collect();
    // The log keeps the last messages, and none of them is missing.
    assert!(
        !after.is_empty() && answered.ends_with(&after),
        "{after:?} of {answered:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_newer_version_or_another_program_is_refused_with_a_reason() {
    let folder = Folder::new();
    drop({
        let mut server = start(&folder, &[]);
        server.terminate();
        server
    });
    let newer = format!(
        "import sqlite3; \
         sqlite3.connect({:?}).execute('PRAGMA user_version=99').connection.commit()",
        folder.path("store.sqlite")
    );
    let done = Command::new("python3")
        .args(["-c", &newer])
        .status()
        .unwrap();
    assert!(done.success());
    let text = refused(&folder, &[]);
    assert!(text.contains("99") && text.contains('1'), "{text}");
    std::fs::write(
        folder.path("store.sqlite"),
        "these are no tables".repeat(1000),
    )
    .unwrap();
    let text = refused(&folder, &[]);
    assert!(
        text.contains("store.sqlite") && text.contains("store_path"),
        "{text}"
    );
    let text = {
        let (code, text) = command(
            &[
                "--port",
                "0",
                "--store",
                "file",
                "--store-path",
                "/nonexistent/store.sqlite",
            ],
            &[],
        );
        assert_eq!(code, Some(1));
        text
    };
    assert!(text.contains("/nonexistent"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_refused_or_found_by_the_check() {
    let folder = Folder::new();
    let mut server = start(&folder, &[]);
    let backend = Backend::of(&server);
    backend
        .post(
            "/channel_config",
            json!({"room": {"store_history": true, "history_size": 1000}}),
        )
        .await;
    for n in 0..50 {
        assert_eq!(say(&backend, n).await, 200);
    }
    let server = tokio::task::spawn_blocking(move || {
        server.terminate();
        server
    });
    drop(server.await.unwrap());
    let path = folder.path("store.sqlite");
    let length = std::fs::metadata(&path).unwrap().len();
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    for page in 3..length / 4096 {
        file.seek(SeekFrom::Start(page * 4096)).unwrap();
        file.write_all(&[0xa5; 512]).unwrap();
    }
    drop(file);
    let (code, text) = command(&["store", "check", &path], &[]);
    assert_eq!(code, Some(1), "{text}");
    let text = refused(&folder, &[]);
    assert!(
        text.contains("damaged") && text.contains("backup"),
        "{text}"
    );
}
