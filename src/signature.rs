//! Signatures of calls: how they are made ([`signer`]), and who may send them ([`verifier`]).

pub mod signer;
pub mod signers;
pub mod verifier;

pub use self::signer::{HEADER, SignatureFlaw, Signer};
pub use self::signers::Signers;
