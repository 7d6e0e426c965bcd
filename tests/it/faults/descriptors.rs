//! A server that has used up its file descriptors continues to serve its clients, and accepts new
//! ones when descriptors are free again.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::client::Backend;
use crate::support::eventually;
use crate::support::scale::program;
use crate::support::server::Server;
use crate::support::websocket::WebSocket;

/// The number of file descriptors that the server may have, with its own files.
const DESCRIPTORS: usize = 80;

/// Returns whether the server answers on a new connection.
async fn is_well(address: &str) -> bool {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = client.get(format!("http://{address}/health")).send();
    let answer = timeout(Duration::from_secs(2), asked).await;
    matches!(answer, Ok(Ok(answer)) if answer.status() == 200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_descriptors_serves_its_clients_and_accepts_again_later() {
    let mut command = Command::new("sh");
    let limited = format!(r#"ulimit -n {DESCRIPTORS}; exec "$0" "$@""#);
    command
        .current_dir(std::env::temp_dir())
        .env_clear()
        .args(["-c", &limited])
        .arg(program())
        .args(["--port", "0", "--workers", "1"])
        // With a lower limit the server would refuse sockets before it has used up its descriptors.
        .args(["--max-connections", "1000"]);
    let server = Server::run(command);
    let backend = Backend::of(&server);
    let conn_id = backend.connect("alice", &["room"]).await;
    let mut socket = WebSocket::open(&server.address, &conn_id).await.unwrap();

    let mut idle = Vec::new();
    for _ in 0..DESCRIPTORS {
        idle.push(TcpStream::connect(&server.address).await.unwrap());
    }
    server.log_line("no connection can be accepted");
    assert!(!is_well(&server.address).await, "there are no descriptors");
    // Open connections work: the call uses a connection that was kept.
    for n in 0..20 {
        backend.say("room", json!({"n": n})).await;
        assert_eq!(socket.event().await["message"]["n"], n);
    }
    // Meanwhile the server has tried again every half second, but it logs this only every ten
    // seconds.
    let said = server.rest_of_log();
    let repeats = said.iter().filter(|line| line.contains("accept")).count();
    assert_eq!(repeats, 0, "{said:?}");

    idle.clear();
    eventually("the server accepts again", async || {
        is_well(&server.address).await
    })
    .await;
    backend.say("room", json!({"n": 100})).await;
    assert_eq!(socket.event().await["message"]["n"], 100);
}
