//! The admin pages: signing in, the panel, the server's numbers, the description of the API.

pub mod doorkeeper;
pub mod panel;
pub mod session;
pub mod sign_in;
