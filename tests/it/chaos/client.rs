//! A client that suffers all faults, and comes back each time.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::listener::{End, Kind, Listener, Place, Received};
use super::record::ClientRecord;
use super::world::{Fault, World};
use crate::support::client::Backend;
use crate::support::random::Random;
use crate::support::scale::scaled;

/// The time that a client waits before it tries again.
const PAUSE: Duration = Duration::from_millis(50);

/// The longest time that a transport may stay open after a newer one has attached.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(10);

/// The time for which a client with a narrow socket reads the older transport. It must not leave
/// the newer one unread for as long as the server waits for a sign of life.
const NARROW_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Client {
    pub(super) world: Arc<World>,
    pub(super) backend: Backend,
    pub(super) place: Place,
    pub(super) seen: ClientRecord,
    pub(super) random: Random,
    /// Sockets that are open and that nobody reads or writes any more.
    pub(super) abandoned: Vec<TcpStream>,
}

impl Client {
    /// Listens while faults happen, then without faults until everything has arrived, and leaves.
    pub(super) async fn run(mut self) -> (ClientRecord, Vec<TcpStream>) {
        let mut listener = None;
        while self.world.has_faults() && self.seen.faults.is_empty() {
            listener = self.step(listener).await;
        }
        let mut is_counted = false;
        while self.world.is_listening() {
            let turn = Duration::from_millis(scaled(100, 500));
            listener = self.listen(listener, turn).await;
            if !is_counted && self.seen.is_done() {
                is_counted = true;
                if !self.seen.faults.is_empty() {
                    self.world.failed.fetch_add(1, Relaxed);
                }
                self.world.done.fetch_add(1, Relaxed);
            }
        }
        self.leave(listener).await;
        (self.seen, self.abandoned)
    }

    /// Opens a second transport while this one is open. Returns the one that is open afterwards.
    async fn open_second(&mut self, mut older: Listener) -> Option<Listener> {
        let place = self.place.clone();
        let mut opening = pin!(place.open());
        let newer = tokio::select! {
            newer = &mut opening => newer,
            () = self.read_to_end(&mut older) => {
                let newer = opening.await;
                return self.opened(newer).await;
            }
        };
        match newer {
            Ok(newer) => {
                self.read_to_end(&mut older).await;
                Some(newer)
            }
            // The server died, and may have told the older one before that it is replaced.
            Err(End::Lost) => {
                older.reset();
                self.ended(End::Lost).await;
                None
            }
            // The server cannot take it at this moment, and then the older one stays.
            Err(end) => {
                self.ended(end).await;
                Some(older)
            }
        }
    }

    /// Listens for a while, then a fault happens. Returns the transport that is open afterwards.
    async fn step(&mut self, listener: Option<Listener>) -> Option<Listener> {
        let stay = Duration::from_millis(50 + self.random.below(scaled(600, 8000)));
        let listener = self.listen(listener, stay).await?;
        let fault = self.world.tally.draw(&mut self.random, self.place.kind);
        match fault {
            Fault::Reset => listener.reset(),
            Fault::Close => listener.close().await,
            Fault::Stall => {
                sleep(Duration::from_millis(300 + self.random.below(1700))).await;
                return Some(listener);
            }
            Fault::HalfOpen => {
                self.abandoned.push(listener.into_stream());
                // The next transport tells the server that this one is dead.
                return self.open().await;
            }
            Fault::Double => {
                return self.open_second(listener).await;
            }
        }
        sleep(Duration::from_millis(self.random.below(250))).await;
        None
    }

    /// Reads for this time. Returns the transport if it is open afterwards.
    async fn listen(&mut self, listener: Option<Listener>, stay: Duration) -> Option<Listener> {
        let mut listener = match listener {
            Some(listener) => listener,
            None => self.open().await?,
        };
        let until = Instant::now() + stay;
        while let Ok(received) = timeout_at(until, listener.next()).await {
            match received {
                Received::List(events, position) => {
                    self.note(&events, position);
                    listener.go_on(&self.place).await;
                }
                Received::End(end) => {
                    self.ended(end).await;
                    return None;
                }
            }
        }
        Some(listener)
    }

    fn note(&mut self, events: &[serde_json::Value], position: Option<String>) {
        self.seen.note_all(events);
        if let Some(position) = position {
            self.place.position = position;
        }
    }

    async fn open(&mut self) -> Option<Listener> {
        let opened = self.place.open().await;
        self.opened(opened).await
    }

    async fn opened(&mut self, opened: Result<Listener, End>) -> Option<Listener> {
        match opened {
            Ok(listener) => Some(listener),
            Err(end) => {
                self.ended(end).await;
                None
            }
        }
    }

    /// Reads a transport until it ends, since a newer one has attached.
    async fn read_to_end(&mut self, listener: &mut Listener) {
        let is_narrow = self.place.is_narrow;
        let read = async {
            while let Received::List(events, position) = listener.next().await {
                self.note(&events, position);
                if self.place.kind == Kind::LongPoll {
                    break;
                }
            }
        };
        // The data that the server has sent to a narrow socket may take long to arrive, even after
        // the server has ended.
        if is_narrow {
            drop(timeout(NARROW_TIMEOUT, read).await);
        } else if timeout(TAKEOVER_TIMEOUT, read).await.is_err() {
            self.seen
                .add_fault("its older transport never ended".to_owned());
        }
    }

    /// Waits before the next try. Records an error if the transport ended for a reason that is not
    /// expected.
    async fn ended(&mut self, end: End) {
        match end {
            // The server restarts, or is not running.
            End::Lost | End::Closed(1012) | End::Refused(503) => {}
            End::Closed(4002) => drop(self.world.tally.too_slow.fetch_add(1, Relaxed)),
            end => self.seen.add_fault(format!("its transport ended: {end:?}")),
        }
        sleep(PAUSE).await;
    }

    /// Leaves for good: by a call, or in a way that the server must detect.
    async fn leave(&mut self, listener: Option<Listener>) {
        let Some(listener) = listener else {
            return;
        };
        match self.random.below(3) {
            0 => {
                let conn_id = json!({"conn_id": self.place.conn_id});
                self.backend.post("/disconnect", conn_id).await;
            }
            1 => listener.reset(),
            _ => vanish(listener, &mut self.abandoned),
        }
    }
}

/// Leaves the socket open for ever, if the server can detect this.
pub(super) fn vanish(listener: Listener, abandoned: &mut Vec<TcpStream>) {
    if listener.is_loss_detectable() {
        abandoned.push(listener.into_stream());
    } else {
        listener.reset();
    }
}
