//! The arguments of handlers: proofs of who calls ([`signed`], [`operator`], [`watcher`]), and
//! bodies ([`body`], which are read by [`reading`]).

pub mod body;
pub mod operator;
pub mod reading;
pub mod signed;
pub mod watcher;
