//! Signatures of calls: how they are made ([`signer`]), who may send them ([`verifier`]), and the
//! extractor that demands one ([`signed`]).

pub mod signed;
pub mod signer;
pub mod verifier;

pub use self::signer::{HEADER, SignatureFlaw, Signer};
