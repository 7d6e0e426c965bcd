//! Reports the state of the server to the service manager, by the protocol of systemd's
//! `sd_notify`.
//!
//! | event | message |
//! | --- | --- |
//! | the store is being read | `STATUS` |
//! | the server serves clients | `READY=1` |
//! | SIGHUP | `RELOADING=1` with `MONOTONIC_USEC`, then `READY=1` |
//! | a stop begins | `STOPPING=1` |
//! | every thread has answered | `WATCHDOG=1`, where `WATCHDOG_USEC` is given |
//!
//! Without `NOTIFY_SOCKET` no service manager waits for reports, and nothing is sent.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::lifecycle::{Lifecycle, Phase};
use crate::server::threads::WorkerThreads;

/// The number of changes that may wait to be sent. Further changes are dropped, because a service
/// manager that does not read must not block a server that works.
const MOST_WAITING: usize = 16;

/// The longest time for which the end of the server waits until the service manager was told of the
/// stop. The service manager may not read.
const LAST_REPORT: Duration = Duration::from_millis(200);

/// A change of the server's state that the service manager is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// The store is being read, and the server does not serve clients yet.
    Starting,
    /// The server serves clients, or continues to do so after a reload.
    Ready,
    /// The settings are read again.
    Reloading,
    /// A stop has begun, but everything is still served.
    StopAnnounced,
    /// Clients are being closed.
    Draining,
    /// Every thread has answered.
    Alive,
}

/// The connection to the service manager that started this process, if there is one. Cloning shares
/// it.
#[derive(Clone, Debug)]
pub(super) struct ServiceManager(Option<SyncSender<Report>>);

/// A message to the thread that talks to the service manager.
enum Report {
    Change(Change),
    /// Is answered when everything before it was sent.
    Flush(oneshot::Sender<()>),
}

impl ServiceManager {
    /// Starts a thread that sends changes to the service manager, if there is one. The thread may
    /// block.
    ///
    /// # Errors
    /// Fails when the thread cannot be started.
    pub(super) fn find() -> std::io::Result<Self> {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(Self(None));
        }
        let (sender, reports) = sync_channel(MOST_WAITING);
        std::thread::Builder::new()
            .name("service-manager".to_owned())
            .spawn(move || send_all(&reports))?;
        Ok(Self(Some(sender)))
    }

    /// Tells the service manager of a change. Returns at once.
    pub(super) fn notify(&self, change: Change) {
        if let Some(sender) = &self.0 {
            // The change is dropped if too many wait already.
            let _ = sender.try_send(Report::Change(change));
        }
    }

    /// Starts tasks that report the phases of a stop and, if the service manager asks for it, that
    /// all threads answer. The second one runs for as long as the server. Returns the first one.
    pub(super) fn follow(
        &self,
        lifecycle: Lifecycle,
        threads: WorkerThreads,
    ) -> Option<JoinHandle<()>> {
        self.0.as_ref()?;
        let manager = self.clone();
        let stop = actix::spawn(async move {
            lifecycle.wait_for(Phase::StopAnnounced).await;
            manager.notify(Change::StopAnnounced);
            lifecycle.wait_for(Phase::Draining).await;
            manager.notify(Change::Draining);
        });
        let watchdog_timeout = sd_notify::watchdog_enabled().filter(|timeout| !timeout.is_zero());
        if let Some(watchdog_timeout) = watchdog_timeout {
            actix::spawn(watch_threads(self.clone(), threads, watchdog_timeout));
        }
        Some(stop)
    }

    /// Waits until the service manager was told of the stop. A stop may take less time than that.
    /// `stop` is the task that [`follow`](Self::follow) returned.
    pub(super) async fn finish(&self, stop: Option<JoinHandle<()>>) {
        let (Some(sender), Some(stop)) = (&self.0, stop) else {
            return;
        };
        let told = async {
            // An error means that the task has panicked.
            let _ = stop.await;
            let (flush, flushed) = oneshot::channel();
            if sender.try_send(Report::Flush(flush)).is_ok() {
                // An error means that the thread has ended.
                let _ = flushed.await;
            }
        };
        // The server ends in any case.
        let _ = timeout(LAST_REPORT, told).await;
    }
}

/// Tells the service manager again and again that the server is alive, each time after all threads
/// have answered. While a thread does not answer, nothing is sent, and the service manager restarts
/// the server after `watchdog_timeout`.
async fn watch_threads(
    manager: ServiceManager,
    threads: WorkerThreads,
    watchdog_timeout: Duration,
) {
    loop {
        if threads.all_answer().await {
            manager.notify(Change::Alive);
        }
        // A quarter of `watchdog_timeout` leaves time for two late rounds before the service
        // manager restarts the server.
        sleep(watchdog_timeout / 4).await;
    }
}

/// Sends the changes in order, until the server ends.
fn send_all(reports: &Receiver<Report>) {
    let mut is_stopping = false;
    let mut has_failed = false;
    for report in reports {
        let change = match report {
            Report::Change(change) => change,
            Report::Flush(flushed) => {
                // An error means that nobody waits any more.
                let _ = flushed.send(());
                continue;
            }
        };
        is_stopping |= matches!(change, Change::StopAnnounced | Change::Draining);
        // A reload that ends during a stop does not make the server ready again.
        if is_stopping && matches!(change, Change::Ready | Change::Reloading) {
            continue;
        }
        match send(change) {
            Ok(()) => has_failed = false,
            Err(error) if !has_failed => {
                has_failed = true;
                log::warn!("cannot report to the service manager (NOTIFY_SOCKET): {error}");
            }
            Err(_) => {}
        }
    }
}

fn send(change: Change) -> std::io::Result<()> {
    use NotifyState::{Ready, Reloading, Status, Stopping, Watchdog};
    match change {
        Change::Starting => sd_notify::notify(&[Status("Reading the store.")]),
        Change::Ready => sd_notify::notify(&[Ready, Status("Serving.")]),
        Change::Reloading => sd_notify::notify(&[
            Reloading,
            NotifyState::monotonic_usec_now()?,
            Status("Reading the settings again."),
        ]),
        Change::StopAnnounced => sd_notify::notify(&[
            Stopping,
            Status("Stopping: not ready any more, but still serving."),
        ]),
        Change::Draining => sd_notify::notify(&[Status("Stopping: closing all clients.")]),
        Change::Alive => sd_notify::notify(&[Watchdog]),
    }
}
