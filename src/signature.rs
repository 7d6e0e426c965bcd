//! Signatures of calls: how they are made ([`signer`]), by which secrets ([`signers`]), who may send
//! them ([`verifier`]), and how often ([`replays`]).

pub mod replays;
pub mod signer;
pub mod signers;
pub mod verifier;

pub use self::signer::{HEADER, SignatureFlaw, Signer};
pub use self::signers::Signers;
