//! Remembers the signatures that were used, so that each is accepted only once (`reject_replays`).
//!
//! The same signature can be written in several ways, since base64 allows it. Therefore the decoded
//! MAC is remembered, for as long as the signature is valid.

use std::collections::{BTreeMap, HashSet};

use actix::prelude::*;

use super::signer::{MAC_BYTES, MAX_AGE, seconds_since_1970};

/// The size of a remembered signature, in bytes: its MAC and its share of the free slots of the
/// table.
const ENTRY_BYTES: usize = 48;

/// A signature that was found valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidSignature {
    /// The decoded MAC.
    pub(super) mac: [u8; MAC_BYTES],
    /// The time at which it was signed, in seconds since 1970.
    pub(super) signed_at: u64,
}

/// The reason why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// The signature was accepted before.
    Used,
    /// The memory for used signatures is full.
    Full,
}

/// A request to accept a signature once.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<(), NotAccepted>")]
pub struct Accept {
    /// The signature.
    pub signature: ValidSignature,
    /// The largest size, in bytes, of all remembered signatures together (`replay_bytes`).
    pub limit: usize,
}

/// The actor that remembers used signatures. The whole server has only one.
#[derive(Debug, Default)]
pub struct UsedSignatures {
    /// The MACs, by the second in which they were signed. Expired ones are dropped before a new one
    /// is added, and `limit` bounds the rest.
    by_second: BTreeMap<u64, HashSet<[u8; MAC_BYTES]>>,
    count: usize,
}

impl UsedSignatures {
    fn accept(
        &mut self,
        signature: ValidSignature,
        limit: usize,
        now: u64,
    ) -> Result<(), NotAccepted> {
        self.forget_expired(now);
        let ValidSignature { mac, signed_at } = signature;
        let is_used = |macs: &HashSet<_>| macs.contains(&mac);
        if self.by_second.get(&signed_at).is_some_and(is_used) {
            return Err(NotAccepted::Used);
        }
        if (self.count + 1) * ENTRY_BYTES > limit {
            return Err(NotAccepted::Full);
        }
        self.by_second.entry(signed_at).or_default().insert(mac);
        self.count += 1;
        Ok(())
    }

    /// Drops the signatures that would be refused as too old.
    fn forget_expired(&mut self, now: u64) {
        while let Some(first) = self.by_second.first_entry() {
            if first.key() + MAX_AGE.as_secs() >= now {
                return;
            }
            self.count -= first.remove().len();
        }
    }
}

impl Actor for UsedSignatures {
    type Context = Context<Self>;
}

impl Handler<Accept> for UsedSignatures {
    type Result = Result<(), NotAccepted>;

    fn handle(
        &mut self,
        Accept { signature, limit }: Accept,
        _: &mut Context<Self>,
    ) -> Self::Result {
        self.accept(signature, limit, seconds_since_1970())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(number: u8, signed_at: u64) -> ValidSignature {
        ValidSignature {
            mac: [number; MAC_BYTES],
            signed_at,
        }
    }

    #[test]
    fn a_signature_is_accepted_once_for_as_long_as_it_is_valid() {
        let mut used = UsedSignatures::default();
        let limit = 1000;
        assert_eq!(used.accept(signature(1, 100), limit, 100), Ok(()));
        for now in [100, 101, 160] {
            let again = used.accept(signature(1, 100), limit, now);
            assert_eq!(again, Err(NotAccepted::Used), "{now}");
        }
        assert_eq!(used.accept(signature(2, 100), limit, 160), Ok(()));
        used.forget_expired(161);
        assert_eq!((used.count, used.by_second.len()), (0, 0));
    }

    #[test]
    fn the_memory_is_bounded_and_is_freed() {
        let mut used = UsedSignatures::default();
        let limit = 2 * ENTRY_BYTES;
        assert_eq!(used.accept(signature(1, 100), limit, 100), Ok(()));
        assert_eq!(used.accept(signature(2, 130), limit, 130), Ok(()));
        let third = signature(3, 130);
        assert_eq!(used.accept(third, limit, 130), Err(NotAccepted::Full));
        assert_eq!(
            used.accept(signature(1, 100), limit, 130),
            Err(NotAccepted::Used)
        );
        assert_eq!(used.accept(third, limit, 161), Ok(()));
    }

    #[test]
    fn a_signature_from_the_future_is_remembered_until_it_is_old() {
        let mut used = UsedSignatures::default();
        assert_eq!(used.accept(signature(1, 5000), 1000, 100), Ok(()));
        let again = used.accept(signature(1, 5000), 1000, 5060);
        assert_eq!(again, Err(NotAccepted::Used));
    }
}
