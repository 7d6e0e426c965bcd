//! Message ids that prove their author. Half of an id is random, and the other half is a keyed hash
//! of the random half and the author's name. Therefore the backend can tell who may change a
//! message without a list of messages.

use hmac::{Hmac, Mac};
use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

use crate::signature::signer::create_mac;

/// The key that creates and checks such ids.
pub(super) struct AuthorKey(Hmac<Sha1>);

impl AuthorKey {
    pub(super) fn new(secret: &str) -> Self {
        let key = Sha1::new()
            .chain_update("demo authors")
            .chain_update(secret)
            .finalize();
        Self(create_mac(&key))
    }

    /// Creates a new id for a message of this user.
    pub(super) fn make_id(&self, user: &str) -> Uuid {
        self.with_proof(Uuid::new_v4().as_u64_pair().0, user)
    }

    /// Returns whether this user wrote the message with this id.
    pub(super) fn is_author(&self, user: &str, id: Uuid) -> bool {
        self.with_proof(id.as_u64_pair().0, user) == id
    }

    fn with_proof(&self, random: u64, user: &str) -> Uuid {
        // The version bits of the UUID are in the random half, so they must be set before the proof
        // is computed.
        let random = Uuid::from_u64_pair(random, 0);
        let random = Builder::from_custom_bytes(*random.as_bytes())
            .into_uuid()
            .as_u64_pair()
            .0;
        let proof = self
            .0
            .clone()
            .chain_update(random.to_be_bytes())
            .chain_update(user)
            .finalize()
            .into_bytes();
        let proof = proof
            .first_chunk()
            .map_or(0, |proof| u64::from_be_bytes(*proof));
        Builder::from_custom_bytes(*Uuid::from_u64_pair(random, proof).as_bytes()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_proves_its_author_and_no_other() {
        let author_key = AuthorKey::new("secret");
        let id = author_key.make_id("alice");
        assert!(author_key.is_author("alice", id));
        assert!(
            !author_key.is_author("alicf", id) && !author_key.is_author("alice", Uuid::new_v4())
        );
        assert!(!AuthorKey::new("other").is_author("alice", id));
        assert_ne!(id, author_key.make_id("alice"));
    }
}
