//! Limits that apply to every client, whatever it asks for: the number of its open sockets, and the
//! rate of its calls.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::time::Duration;

use channelstream_actors::limits::LimitKind;
use channelstream_actors::memory::{HeldBytes, Memory, SOCKET_BYTES};

use crate::address_table::{AddressKey, ConnectionCounts, CountedConnection, RateLimit};
use crate::caller::find_direct_client;
use crate::settings::{Machine, Settings};

/// The limits on clients, together with their counts.
#[derive(Debug)]
pub struct ClientLimits {
    sockets: Arc<AtomicUsize>,
    most_sockets: usize,
    by_address: Option<ConnectionCounts>,
    unsigned: Option<RateLimit>,
    signed: Option<RateLimit>,
    memory: Memory,
    /// Whether the log has reported that a peer is not counted.
    has_logged: AtomicBool,
}

/// An open socket, which is counted until this value is dropped.
#[derive(Debug)]
pub struct OpenSocket {
    sockets: Arc<AtomicUsize>,
    exceeded_limit: Option<LimitKind>,
    _address_guard: Option<CountedConnection>,
    _memory: HeldBytes,
}

/// A client has called too often.
#[derive(Clone, Copy, Debug)]
pub struct RateExceeded {
    /// The rate that the client exceeded.
    pub kind: LimitKind,
    /// The time after which the client may call again.
    pub retry_after: Duration,
}

impl ClientLimits {
    /// Creates the limits that the settings contain.
    pub fn new(settings: &Settings, memory: Memory) -> Self {
        let per_address = settings.max_connections_per_address;
        Self {
            sockets: Arc::default(),
            most_sockets: settings.most_sockets(&Machine::read()),
            by_address: (per_address > 0).then(|| ConnectionCounts::new(per_address)),
            unsigned: RateLimit::new(settings.unsigned_rate),
            signed: RateLimit::new(settings.signed_rate),
            memory,
            has_logged: AtomicBool::new(false),
        }
    }

    /// Logs that the limits per address do not count a private peer, since it may be a proxy. Logs
    /// this once, and only where such a limit is set and no proxy is trusted.
    pub fn log_uncounted_client(&self, peer: Option<IpAddr>, settings: &Settings) {
        let is_counted = self.by_address.is_some() || self.unsigned.is_some();
        if is_counted
            && settings.trusted_proxies.is_empty()
            && let Some(peer) = peer.filter(|peer| !peer.to_canonical().is_loopback())
            && !self.has_logged.swap(true, Relaxed)
        {
            log::info!(
                "the limits per address do not apply to {peer}, which is a private address; \
                 if it is your reverse proxy, add it to trusted_proxies"
            );
        }
    }

    /// Counts a socket that was accepted. It stays open even if it exceeds a limit, so that its
    /// request gets an answer; [`OpenSocket::exceeded_limit`] then names the limit.
    pub fn open_socket(&self, peer: Option<IpAddr>, settings: &Settings) -> OpenSocket {
        let before = self.sockets.fetch_add(1, SeqCst);
        let client = find_direct_client(peer, settings).map(AddressKey::of);
        let (address_guard, is_over_address_limit) = match (client, &self.by_address) {
            (Some(key), Some(counts)) => {
                let counted = counts.begin(key);
                let is_over_limit = counted.is_none();
                (counted, is_over_limit)
            }
            _ => (None, false),
        };
        let exceeded_limit = if is_over_address_limit {
            Some(LimitKind::ConnectionsPerAddress)
        } else if self.most_sockets > 0 && before >= self.most_sockets {
            Some(LimitKind::Connections)
        } else {
            (!self.memory.has_room_for_lasting()).then_some(LimitKind::Memory)
        };
        OpenSocket {
            sockets: self.sockets.clone(),
            exceeded_limit,
            _address_guard: address_guard,
            _memory: self.memory.hold_lasting(SOCKET_BYTES),
        }
    }

    /// Counts a client that listens through a trusted proxy. `address` is the client's address, as
    /// the proxy reports it.
    ///
    /// # Errors
    /// Fails when the address already has the most connections that it may have.
    pub fn begin_listening(&self, address: IpAddr) -> Result<Option<CountedConnection>, LimitKind> {
        let Some(counts) = &self.by_address else {
            return Ok(None);
        };
        let counted = counts.begin(AddressKey::of(address));
        counted.map(Some).ok_or(LimitKind::ConnectionsPerAddress)
    }

    /// Counts a request of an address.
    ///
    /// # Errors
    /// Fails when the address exceeds its rate of requests.
    pub fn count_request(&self, address: IpAddr, is_signed: bool) -> Result<(), RateExceeded> {
        let (rate_limit, kind) = if is_signed {
            (&self.signed, LimitKind::SignedRate)
        } else {
            (&self.unsigned, LimitKind::UnsignedRate)
        };
        let Some(rate_limit) = rate_limit else {
            return Ok(());
        };
        let taken = rate_limit.take(AddressKey::of(address));
        taken.map_err(|retry_after| RateExceeded { kind, retry_after })
    }
}

impl OpenSocket {
    /// Returns the limit that the socket exceeds, if any.
    pub fn exceeded_limit(&self) -> Option<LimitKind> {
        self.exceeded_limit
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.sockets.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_over_a_limit_names_the_limit() {
        let settings = Settings {
            max_connections: 3,
            max_connections_per_address: 1,
            ..Settings::default()
        };
        let limits = ClientLimits::new(&settings, Memory::new(0));
        let open = |peer: &str| limits.open_socket(peer.parse().ok(), &settings);
        let exceeded_limit = |socket: &OpenSocket| socket.exceeded_limit();
        let first = open("203.0.113.9");
        let second = open("203.0.113.9");
        let per_address = Some(LimitKind::ConnectionsPerAddress);
        assert_eq!(
            (exceeded_limit(&first), exceeded_limit(&second)),
            (None, per_address)
        );
        let private = open("10.0.0.1");
        let one_more = open("10.0.0.1");
        let most = Some(LimitKind::Connections);
        assert_eq!(
            (exceeded_limit(&private), exceeded_limit(&one_more)),
            (None, most)
        );
        drop((first, second));
        assert_eq!(exceeded_limit(&open("203.0.113.9")), None);
    }
}
