//! The calls of applications. Each file holds one call: the table of the request's fields, the
//! answer, and the handler.
//!
//! The tables, the answers and the attributes of the handlers make up the description of the API
//! (`openapi.rs`).

mod address;
pub mod channel_config;
pub mod connect;
pub mod delete;
pub mod disconnect;
pub mod edit;
pub mod health;
pub mod idempotency;
pub mod info;
pub mod message;
pub mod metrics;
pub mod subscribe;
pub mod unsubscribe;
pub mod user_state;
