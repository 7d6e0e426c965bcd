//! The power cuts of `support/power_cut.rs` forget unsynced data, and nothing else. Programs in
//! Python take the place of the server: they write files, and commit rows to an SQLite database.

mod files;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::client::Backend;
use crate::support::power_cut::PowerCut;
use crate::support::server::Server;

/// A new folder, which is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("power-cut-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns a script in Python that works in the folder, with the library preloaded.
fn python(folder: &Folder, cut: &PowerCut, script: &str, arguments: &[&str]) -> Command {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    assert!(python.exists(), "Python is missing: run make .python");
    let mut command = Command::new(python);
    command
        .args(["-c", script])
        .args(arguments)
        .current_dir(&folder.0)
        .env_clear()
        .envs(cut.environment());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_killed_and_starts_again_after_the_cut() {
    let folder = Folder::new();
    fs::write(folder.0.join("file"), "text").unwrap();
    let mut cut = PowerCut::new(&folder.0);
    let mut server = Server::start_with(&[], &cut.environment());
    Backend::of(&server).connect("alice", &["room"]).await;
    server.kill();
    assert_eq!(cut.forget_unsynced().unsynced, 0);
    let server = server.start_again();
    Backend::of(&server).connect("alice", &["room"]).await;
    assert_eq!(fs::read(folder.0.join("file")).unwrap(), b"text");
}
