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
use channelstream_actors::memory::{HeldBytes, Memory, SOCKET};

use crate::address_table::{AddressKey, ConnectionCounts, CountedConnection, Rates};
use crate::caller::find_direct_client;
use crate::settings::{Machine, Settings};

/// The limits on clients, together with their counts.
#[derive(Debug)]
pub struct ClientLimits {
    sockets: Arc<AtomicUsize>,
    most_sockets: usize,
    by_address: Option<ConnectionCounts>,
    unsigned: Option<Rates>,
    signed: Option<Rates>,
    memory: Memory,
    /// Whether the log has reported that a peer is not counted.
    has_told: AtomicBool,
}

/// An open socket, which is counted until this value is dropped.
#[derive(Debug)]
pub struct OpenSocket {
    sockets: Arc<AtomicUsize>,
    beyond: Option<LimitKind>,
    _of_address: Option<CountedConnection>,
    _memory: HeldBytes,
}

/// A client has called too often.
#[derive(Clone, Copy, Debug)]
pub struct TooOften {
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
            unsigned: Rates::new(settings.unsigned_rate),
            signed: Rates::new(settings.signed_rate),
            memory,
            has_told: AtomicBool::new(false),
        }
    }

    /// Logs that the limits per address do not count a private peer, since it may be a proxy. Logs
    /// this once, and only where such a limit is set and no proxy is trusted.
    pub fn tell_of_unknown_client(&self, peer: Option<IpAddr>, settings: &Settings) {
        let is_counted = self.by_address.is_some() || self.unsigned.is_some();
        if is_counted
            && settings.trusted_proxies.is_empty()
            && let Some(peer) = peer.filter(|peer| !peer.to_canonical().is_loopback())
            && !self.has_told.swap(true, Relaxed)
        {
            log::info!(
                "the limits per address do not apply to {peer}, which is a private address; \
                 if it is your reverse proxy, add it to trusted_proxies"
            );
        }
    }

    /// Counts a socket that was accepted. It stays open even if it exceeds a limit, so that its
    /// request gets an answer; [`OpenSocket::beyond`] then names the limit.
    pub fn open_socket(&self, peer: Option<IpAddr>, settings: &Settings) -> OpenSocket {
        let before = self.sockets.fetch_add(1, SeqCst);
        let client = find_direct_client(peer, settings).map(AddressKey::of);
        let (of_address, is_beyond_address) = match (client, &self.by_address) {
            (Some(key), Some(counts)) => {
                let counted = counts.begin(key);
                let is_beyond = counted.is_none();
                (counted, is_beyond)
            }
            _ => (None, false),
        };
        let beyond = if is_beyond_address {
            Some(LimitKind::ConnectionsPerAddress)
        } else if self.most_sockets > 0 && before >= self.most_sockets {
            Some(LimitKind::Connections)
        } else {
            (!self.memory.has_room_to_last()).then_some(LimitKind::Memory)
        };
        OpenSocket {
            sockets: self.sockets.clone(),
            beyond,
            _of_address: of_address,
            _memory: self.memory.last(SOCKET),
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
    pub fn take_request(&self, address: IpAddr, is_signed: bool) -> Result<(), TooOften> {
        let (rates, kind) = if is_signed {
            (&self.signed, LimitKind::SignedRate)
        } else {
            (&self.unsigned, LimitKind::UnsignedRate)
        };
        let Some(rates) = rates else { return Ok(()) };
        let taken = rates.take(AddressKey::of(address));
        taken.map_err(|retry_after| TooOften { kind, retry_after })
    }
}

impl OpenSocket {
    /// Returns the limit that the socket exceeds, if any.
    pub fn beyond(&self) -> Option<LimitKind> {
        self.beyond
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
    fn sockets_beyond_a_limit_are_known() {
        let settings = Settings {
            max_connections: 3,
            max_connections_per_address: 1,
            ..Settings::default()
        };
        let limits = ClientLimits::new(&settings, Memory::new(0));
        let open = |peer: &str| limits.open_socket(peer.parse().ok(), &settings);
        let beyond = |socket: &OpenSocket| socket.beyond();
        let first = open("203.0.113.9");
        let second = open("203.0.113.9");
        let per_address = Some(LimitKind::ConnectionsPerAddress);
        assert_eq!((beyond(&first), beyond(&second)), (None, per_address));
        let private = open("10.0.0.1");
        let one_more = open("10.0.0.1");
        let most = Some(LimitKind::Connections);
        assert_eq!((beyond(&private), beyond(&one_more)), (None, most));
        drop((first, second));
        assert_eq!(beyond(&open("203.0.113.9")), None);
    }
}
