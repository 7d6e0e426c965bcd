//! The decisions of a node that shares its state with other nodes through Redis.
//!
//! In a cluster the truth changes in Redis, in short scripts that run one after the other. A node
//! sends [`Call`]s to them, and reads the *feed*, a stream to which every script appends what it
//! changed. Two things decide which node answers for a connection:
//!
//! - the *record* of a connection names the node that answers for it, and holds its user, whether
//!   its client counts as present, its channels, and up to where the client has read in each;
//! - a *turn* is the right of one node to serve a connection once. A node takes the next turn when
//!   a client opens a transport there. From that moment it alone answers for the connection, and
//!   Redis refuses what nodes ask for under earlier turns. Turns come from one counter, so none is
//!   given twice.
//!
//! Nothing is handed over by agreement. When a node dies, its connections name a node that is
//! dead. Any other node makes them absent, and ends those whose clients do not come back.
//!
//! These modules hold what a node decides, without Redis, clocks and actors. The test
//! `actors/tests/cluster` runs them against a model of the scripts, and searches all orders in
//! which a few things can happen.
//!
//! [`Call`]: call::Call

pub mod answer;
pub mod call;
pub mod effect;
pub mod fed;
pub mod feed;
pub mod follower;
pub mod hearing;
pub mod lane;
pub mod left;
pub mod session;
pub mod witness;
