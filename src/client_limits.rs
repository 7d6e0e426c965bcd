//! What clients may do before anybody looks at what they want: how many sockets they may hold, and
//! how often they may call.

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

/// The limits of clients, with what they count.
#[derive(Debug)]
pub struct ClientLimits {
    sockets: Arc<AtomicUsize>,
    most_sockets: usize,
    by_address: Option<ConnectionCounts>,
    unsigned: Option<Rates>,
    signed: Option<Rates>,
    memory: Memory,
    /// Whether the log has said that a peer is not counted.
    has_told: AtomicBool,
}

/// A socket that is open until this is dropped, and counted.
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
    /// The rate that it went beyond.
    pub kind: LimitKind,
    /// After which time it may call again.
    pub retry_after: Duration,
}

impl ClientLimits {
    /// Creates the limits that the settings tell.
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

    /// Says once in the log that limits per address do not count a peer which may be a proxy.
    pub fn tell_of_unknown_client(&self, peer: Option<IpAddr>, settings: &Settings) {
        let is_counted = self.by_address.is_some() || self.unsigned.is_some();
        if is_counted
            && settings.trusted_proxies.is_empty()
            && let Some(peer) = peer.filter(|peer| !peer.to_canonical().is_loopback())
            && !self.has_told.swap(true, Relaxed)
        {
            log::info!(
                "the limits per address do not count {peer}, which is private; \
                 if it is your reverse proxy, name it in trusted_proxies"
            );
        }
    }

    /// Counts a socket that was accepted. It is open in any case: a limit that it is beyond decides
    /// what it is answered.
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

    /// Counts a client that listens through a proxy, which says that its address is this.
    ///
    /// # Errors
    /// Fails when the address has as many connections as it may.
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
    /// Fails when the address sends requests too often.
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
    /// Returns the limit that the socket is beyond, if there is one.
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
