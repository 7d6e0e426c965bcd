//! The purpose of a request, which decides whether and how the request is admitted
//! (`middleware/admission.rs`).

use actix_web::http::Method;

/// The purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A call that changes something. It needs a signature or a session.
    Change,
    /// A call that only reads. It needs a signature or a session.
    Read,
    /// A page that begins to listen by server-sent events.
    Stream,
    /// A page that listens by long-poll.
    Poll,
    /// A client that opens a websocket. Only this request may be upgraded.
    Socket,
    /// A Socket.IO client that brings packets.
    Packets,
    /// Every other request: paths that anyone may request, and paths that do not exist.
    Other,
}

/// Returns whether a request for this path asks for the server's health. Such a request comes from
/// the operator's own network, and is always answered.
pub fn is_probe(path: &str) -> bool {
    matches!(
        path,
        "/health" | "/ready" | "/health/live" | "/health/ready"
    )
}

impl Purpose {
    /// Returns the purpose of a request. `path` does not contain a proxy's prefix. `is_upgrade`
    /// says whether the request asks for another protocol.
    pub fn of(method: &Method, path: &str, is_upgrade: bool) -> Self {
        match path {
            "/connect" | "/subscribe" | "/unsubscribe" | "/user_state" | "/user_status"
            | "/message" | "/channel_config" => Self::Change,
            "/admin/message" | "/admin/channel_config" | "/admin/forget_channel" => Self::Change,
            "/info" | "/admin/disconnect" | "/admin/admin.json" | "/admin/backup" => Self::Read,
            "/sse" => Self::Stream,
            "/listen" => Self::Poll,
            "/ws" if method == Method::GET => Self::Socket,
            "/socket.io" | "/socket.io/" => match *method {
                Method::GET if is_upgrade => Self::Socket,
                Method::GET => Self::Poll,
                Method::POST => Self::Packets,
                _ => Self::Other,
            },
            _ => Self::Other,
        }
    }
}
