//! The orderly stop: nothing that was accepted is lost, every client is told, and the process ends
//! in time.
//!
//! | phase | what happens | for how long |
//! | --- | --- | --- |
//! | `Noticed` | `/ready` answers 503, so that proxies send new clients elsewhere | `drain_notice` |
//! | `Draining` | calls under way finish, then clients are closed one after the other | at most `drain_time` |
//! | | closed clients say goodbye | at most `close_grace` |
//! | `Ending` | the last answers go out | at most a second |

use std::time::Duration;

use actix_server::ServerHandle;
use channelstream_actors::broker::Broker;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, timeout_at};

use crate::lifecycle::{Lifecycle, Phase};
use crate::settings::Settings;

/// How long the last answers may take.
const LAST_ANSWERS: Duration = Duration::from_millis(900);

/// How often it is looked whether all clients have ended.
const LOOK: Duration = Duration::from_millis(10);

/// What a stop needs to know of the settings.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    notice: Duration,
    drain: Duration,
    grace: Duration,
}

impl Times {
    /// As the settings say.
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
    /// Takes them over from the system.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for a signal, then stops the server in order.
///
/// # Errors
/// When a second signal ends it at once.
pub async fn at_signal(
    mut signals: Signals,
    server: ServerHandle,
    broker: Broker,
    lifecycle: Lifecycle,
    times: Times,
) -> std::io::Result<()> {
    signals.next().await;
    tokio::select! {
        () = in_order(&server, &broker, &lifecycle, times) => Ok(()),
        () = signals.next() => Err(std::io::Error::other("stopped at once by a second signal")),
    }
}

async fn in_order(
    server: &ServerHandle,
    broker: &Broker,
    lifecycle: &Lifecycle,
    Times {
        notice,
        drain,
        grace,
    }: Times,
) {
    lifecycle.enter(Phase::Noticed);
    if !notice.is_zero() {
        log::info!(
            "stopping: not ready any more; still serving for {} seconds (drain_notice)",
            notice.as_secs_f64()
        );
        sleep(notice).await;
    }
    let begun_at = Instant::now();
    log::info!(
        "stopping: closing all clients within {} seconds (drain_time)",
        drain.as_secs_f64()
    );
    lifecycle.enter(Phase::Draining);
    lifecycle.calls_ended(begun_at + drain / 2).await;
    broker.drain(begun_at + drain).await;
    clients_ended(broker, Instant::now() + grace).await;
    lifecycle.enter(Phase::Ending);
    // The HTTP server looks only once a second whether all its sockets are closed; those without a
    // request are closed at once.
    let _ = timeout_at(Instant::now() + LAST_ANSWERS, server.stop(true)).await;
}

/// Waits until all listening clients have ended.
async fn clients_ended(broker: &Broker, deadline: Instant) {
    let is_listening = || {
        let listening = broker.counters().listening();
        listening.websocket + listening.event_stream + listening.long_poll > 0
    };
    while is_listening() && Instant::now() < deadline {
        sleep(LOOK).await;
    }
}
