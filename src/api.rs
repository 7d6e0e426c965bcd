//! The calls of applications, a file for each: the table of the request's fields, the answer, and
//! the handler.
//!
//! The description of the API (`openapi.rs`) is made of the tables, the answers, and the attributes
//! of the handlers.

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
