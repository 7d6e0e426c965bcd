//! Signatures of calls. [`signer`] makes and checks them with one secret, [`signers`] with several.
//! [`verifier`] decides who may make signed calls, and [`replays`] accepts each signature only
//! once.

pub mod replays;
pub mod signer;
pub mod signers;
pub mod verifier;

pub use self::signer::{HEADER, SignatureFlaw, Signer};
pub use self::signers::Signers;
