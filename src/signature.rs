//! Signatures of calls. [`signer`] makes and checks them with one secret, [`signers`] with several.
//! [`verifier`] decides who may make signed calls, and [`replays`] accepts each signature only
//! once. [`user_signature`] checks the signatures of pages that listen as a user, and
//! [`session_ids`] the ids of sessions that nodes share.

pub mod replays;
pub mod session_ids;
pub mod signer;
pub mod signers;
pub mod user_signature;
pub mod verifier;

pub use self::signer::{HEADER, SignatureFlaw, Signer};
pub use self::signers::Signers;
