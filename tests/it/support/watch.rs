//! Watches a server under attack: the time that other callers wait, and the memory that the server
//! takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::task::JoinHandle;

use super::client::Backend;
use super::server::Server;

/// A task that asks for `/health` again and again, and measures the time of each answer.
pub(crate) struct Health {
    is_over: Arc<AtomicBool>,
    asking: JoinHandle<Duration>,
}

impl Health {
    /// Starts to ask every few milliseconds, over a connection that stays open.
    pub(crate) async fn watch(server: &Server) -> Self {
        let backend = Backend::of(server);
        let is_over = Arc::new(AtomicBool::new(false));
        let until = is_over.clone();
        ask(&backend).await;
        let asking = tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            while !until.load(Ordering::Relaxed) {
                slowest = slowest.max(ask(&backend).await);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            slowest
        });
        Self { is_over, asking }
    }

    /// Returns the time of the slowest answer so far.
    pub(crate) async fn slowest(self) -> Duration {
        self.is_over.store(true, Ordering::Relaxed);
        self.asking.await.unwrap()
    }
}

async fn ask(backend: &Backend) -> Duration {
    let start = Instant::now();
    let response = backend
        .unsigned(Method::GET, "/health")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    start.elapsed()
}
