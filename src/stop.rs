//! The orderly stop: no accepted message is lost, every client is told the reason, and the process
//! ends in time.
//!
//! | phase | what happens | duration |
//! | --- | --- | --- |
//! | `StopAnnounced` | `/ready` answers 503: proxies send new clients elsewhere | `drain_notice` |
//! | | new connections wait for the next process, on a passed socket | at most a second |
//! | `Draining` | calls under way finish; then clients are closed in turn | at most `drain_time` |
//! | | clients confirm that they are closed | at most `close_grace` |
//! | `Ending` | the last answers are sent | at most a second |
//!
//! A passed socket is a listening socket that a service manager opened (`server/inherited.rs`).

use std::time::Duration;

use actix_server::ServerHandle;
use channelstream_actors::broker::Broker;
use channelstream_actors::transport::Transport;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, timeout_at};

use crate::accepting::Accepting;
use crate::lifecycle::{Lifecycle, Phase};
use crate::settings::Settings;

/// The longest time that the last answers may take.
const LAST_ANSWERS: Duration = Duration::from_millis(900);

/// The time between two checks whether all clients have ended.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// The longest times that the phases of a stop may take.
#[derive(Clone, Copy, Debug)]
pub struct StopTimes {
    notice: Duration,
    drain: Duration,
    grace: Duration,
}

impl StopTimes {
    /// Takes the times from the settings.
    pub fn new(settings: &Settings) -> Self {
        Self {
            notice: settings.drain_notice,
            drain: settings.drain_time,
            grace: settings.close_grace,
        }
    }
}

/// The signals that stop the server.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to catch the signals, which would otherwise end the process.
    ///
    /// # Errors
    /// Fails when the system does not allow it.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for a signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for a signal, then performs an orderly stop of the server.
///
/// # Errors
/// Fails when a second signal comes, which ends the server at once.
pub async fn stop_at_signal(
    mut signals: Signals,
    server: ServerHandle,
    broker: &Broker,
    lifecycle: &Lifecycle,
    accepting: &Accepting,
    times: StopTimes,
) -> std::io::Result<()> {
    signals.next().await;
    tokio::select! {
        () = stop_in_order(&server, broker, lifecycle, accepting, times) => Ok(()),
        () = signals.next() => Err(std::io::Error::other("stopped at once by a second signal")),
    }
}

/// Takes the server through all phases of a stop.
async fn stop_in_order(
    server: &ServerHandle,
    broker: &Broker,
    lifecycle: &Lifecycle,
    accepting: &Accepting,
    StopTimes {
        notice,
        drain,
        grace,
    }: StopTimes,
) {
    lifecycle.enter(Phase::StopAnnounced);
    if !notice.is_zero() {
        log::info!(
            "stopping: not ready any more; still serving for {} seconds (drain_notice)",
            notice.as_secs_f64()
        );
        sleep(notice).await;
    }
    accepting.stop(server).await;
    let begun_at = Instant::now();
    log::info!(
        "stopping: closing all clients within {} seconds (drain_time)",
        drain.as_secs_f64()
    );
    lifecycle.enter(Phase::Draining);
    lifecycle.wait_for_calls(begun_at + drain / 2).await;
    broker.drain(begun_at + drain).await;
    wait_for_clients(broker, Instant::now() + grace).await;
    lifecycle.enter(Phase::Ending);
    // The HTTP server closes sockets without a request at once. It checks only once a second
    // whether the other sockets are closed.
    let _ = timeout_at(Instant::now() + LAST_ANSWERS, server.stop(true)).await;
}

/// Waits until all listening clients have ended, or until `deadline`.
async fn wait_for_clients(broker: &Broker, deadline: Instant) {
    let is_listening = || {
        let listening = broker.counters().listening();
        Transport::ALL
            .iter()
            .any(|transport| *listening.get(*transport) > 0)
    };
    while is_listening() && Instant::now() < deadline {
        sleep(CHECK_INTERVAL).await;
    }
}
