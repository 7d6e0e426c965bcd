//! The scripts that change the state of a cluster in Redis, and what is said to them.
//!
//! `core::cluster` decides which calls a node makes and what their answers mean. The modules here
//! bring the calls to Redis and the answers back.

pub mod content;
pub mod decoding;
pub mod encoding;
pub mod lane;
pub mod link;
pub mod node;
pub mod reader;
pub mod resolver;
pub mod scripts;
pub mod status;
