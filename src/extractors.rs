//! The arguments of handlers: proofs of who calls ([`signed`], [`operator`],
//! [`metrics_reader`]), and bodies ([`body`], which are read by [`reading`]).

pub mod body;
pub mod metrics_reader;
pub mod operator;
pub mod reading;
pub mod signed;
