//! What handlers take: proofs of who calls ([`signed`], [`operator`], [`watcher`]), and bodies ([`body`], read
//! by [`reading`]).

pub mod body;
pub mod operator;
pub mod reading;
pub mod signed;
pub mod watcher;
