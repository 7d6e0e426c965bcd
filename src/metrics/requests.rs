//! Counts the requests that were answered, by path and status.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The paths by which requests are counted, sorted by their bytes. All other paths share one more
/// count, so strangers cannot make the number of counts grow.
const PATHS: [&str; 39] = [
    "/",
    "/admin",
    "/admin/admin.json",
    "/admin/backup",
    "/admin/channel_config",
    "/admin/disconnect",
    "/admin/forget_channel",
    "/admin/live",
    "/admin/message",
    "/admin/sign_in",
    "/admin/sign_out",
    "/api-explorer",
    "/api-explorer/files/{name}",
    "/channel_config",
    "/connect",
    "/demo",
    "/demo/connect",
    "/demo/message",
    "/demo/subscribe",
    "/demo/unsubscribe",
    "/demo/user_state",
    "/disconnect",
    "/health",
    "/health/live",
    "/health/ready",
    "/info",
    "/listen",
    "/message",
    "/metrics",
    "/openapi.json",
    "/ready",
    "/socket.io/",
    "/sse",
    "/static/{name}",
    "/subscribe",
    "/unsubscribe",
    "/user_state",
    "/user_status",
    "/ws",
];

/// The paths that contain a name, each with the prefix by which it is recognised.
const PATTERNS: [(&str, &str); 3] = [
    ("/static/", "/static/{name}"),
    ("/api-explorer/files/", "/api-explorer/files/{name}"),
    ("/socket.io", "/socket.io/"),
];

/// The statuses by which requests are counted, sorted. All other statuses share one more count.
const STATUSES: [u16; 19] = [
    101, 200, 204, 302, 304, 400, 401, 403, 404, 405, 406, 408, 413, 415, 422, 426, 429, 500, 503,
];

/// The label of a path or a status that is not in the lists.
const OTHER: &str = "other";

/// The counts of the requests that were answered.
#[derive(Debug)]
pub struct RequestCounts(Box<[CountsByStatus; PATHS.len() + 1]>);

type CountsByStatus = [AtomicU64; STATUSES.len() + 1];

impl Default for RequestCounts {
    fn default() -> Self {
        Self(Box::new(array::from_fn(|_| CountsByStatus::default())))
    }
}

/// The number of requests for a path that were answered with a status.
#[derive(Clone, Debug)]
pub struct RequestCount {
    /// The path, in which `{name}` stands for any name. `other` stands for all paths that do not
    /// exist.
    pub path: &'static str,
    /// The status, or `other`.
    pub status: String,
    /// The number of requests.
    pub count: u64,
}

impl RequestCounts {
    /// Counts a request that was answered. `path` does not contain a proxy's prefix.
    pub fn add(&self, path: &str, status: u16) {
        let counts = self.0.get(index_of_path(path));
        let index = STATUSES.binary_search(&status).unwrap_or(STATUSES.len());
        if let Some(count) = counts.and_then(|counts| counts.get(index)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Returns the counts that are not zero.
    pub fn read(&self) -> Vec<RequestCount> {
        let paths = PATHS.into_iter().chain([OTHER]).zip(self.0.iter());
        let of_path = |(path, counts): (&'static str, &CountsByStatus)| {
            let statuses = STATUSES.map(|status| status.to_string());
            let statuses = statuses.into_iter().chain([OTHER.to_owned()]);
            let with_count = move |(status, count): (String, u64)| RequestCount {
                path,
                status,
                count,
            };
            let counts: Vec<_> = counts.iter().map(|count| count.load(Relaxed)).collect();
            statuses.zip(counts).map(with_count)
        };
        paths.flat_map(of_path).filter(|it| it.count > 0).collect()
    }
}

fn index_of_path(path: &str) -> usize {
    let pattern = PATTERNS.iter().find(|(start, _)| path.starts_with(start));
    let path = pattern.map_or(path, |(_, pattern)| pattern);
    PATHS.binary_search(&path).unwrap_or(PATHS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_path_and_status_and_unknown_ones_as_other() {
        assert!(PATHS.is_sorted() && STATUSES.is_sorted());
        let counts = RequestCounts::default();
        for (path, status) in [
            ("/message", 200),
            ("/message", 200),
            ("/static/v1/panel.js", 304),
            ("/message/", 404),
            ("/ws", 418),
        ] {
            counts.add(path, status);
        }
        let read = counts.read();
        let read: Vec<_> = read
            .iter()
            .map(|it| (it.path, it.status.as_str(), it.count))
            .collect();
        let expected = [
            ("/message", "200", 2),
            ("/static/{name}", "304", 1),
            ("/ws", "other", 1),
            ("other", "404", 1),
        ];
        assert_eq!(read, expected);
    }
}
