//! All targets.

mod bodies;
mod client_frames;
mod last_event_id;
mod proxy_headers;
mod query;
mod settings;
mod signature;
mod socket_io_packets;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the target, of its corpus and of its dictionary.
    pub name: &'static str,
    /// Takes an input, and panics when the parser breaks a rule.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 9] = [
    Target {
        name: "bodies",
        run: bodies::run,
    },
    Target {
        name: "client_frames",
        run: client_frames::run,
    },
    Target {
        name: "last_event_id",
        run: last_event_id::run,
    },
    Target {
        name: "proxy_headers",
        run: proxy_headers::run,
    },
    Target {
        name: "query",
        run: query::run,
    },
    Target {
        name: "settings_ini",
        run: settings::run_ini,
    },
    Target {
        name: "settings_toml",
        run: settings::run_toml,
    },
    Target {
        name: "signature",
        run: signature::run,
    },
    Target {
        name: "socket_io_packets",
        run: socket_io_packets::run,
    },
];
