//! Restarts from the view of users: pages in a real browser stay open while the server, which keeps
//! its state in a file, is stopped and started.

mod chat;
mod panel;
mod plain;

use tokio::task::spawn_blocking;

use crate::support::folder::Folder;
use crate::support::server::Server;

/// The ways in which the server ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stop {
    /// An orderly stop by SIGTERM.
    InOrder,
    /// An immediate end by SIGKILL.
    Killed,
}

/// Starts a server that keeps its state in a file of this folder.
fn start(folder: &Folder, flags: &[(&str, &str)]) -> Server {
    let path = folder.path("store.sqlite");
    let store = [("store", "file"), ("store-path", path.as_str())];
    Server::start(&[&store, flags].concat())
}

/// Ends the server.
async fn stop(mut server: Server, stop: Stop) -> Server {
    let stopped = spawn_blocking(move || {
        match stop {
            Stop::InOrder => assert!(server.terminate().success()),
            Stop::Killed => server.kill(),
        }
        server
    });
    stopped.await.unwrap()
}

/// Starts the server again on the same port.
async fn start_again(server: Server) -> Server {
    spawn_blocking(move || server.start_again()).await.unwrap()
}
