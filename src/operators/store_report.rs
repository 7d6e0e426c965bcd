//! The state of the store, as `/ready` and the panel show it.

use channelstream_actors::store::Store;
use serde::Serialize;
use utoipa::ToSchema;

/// The store of the server.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StoreReport {
    /// The kind of the store, as the setting `store` says.
    kind: Kind,
    /// The state of the file. Absent unless the store is a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    file: Option<FileReport>,
    /// The state of this node. Absent unless the store is Redis.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    node: Option<NodeReport>,
}

/// A node, one of several servers that share a Redis.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NodeReport {
    /// Whether there is a connection to Redis.
    connected: bool,
    /// The number of calls that wait for Redis.
    waiting_calls: u64,
    /// The number of nodes that are alive, this one among them.
    nodes: u64,
    /// The reason why Redis cannot be used now. Null while it can be used.
    #[schema(required = true)]
    error: Option<String>,
}

/// The kind of store that the setting `store` names.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Memory,
    File,
    Redis,
}

/// The file of a store.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FileReport {
    /// The size of the file and of its write-ahead log, in bytes.
    bytes: u64,
    /// The approximate number of bytes that wait to be written.
    waiting_bytes: usize,
    /// The number of transactions that were written since the start.
    commits: u64,
    /// The number of seconds since the last transaction. Null if none was written since the start.
    #[schema(required = true)]
    seconds_since_commit: Option<f64>,
    /// The reason why the file cannot be written. Null while it can be written.
    #[schema(required = true)]
    error: Option<String>,
}

impl StoreReport {
    /// Returns the current state of the store.
    pub fn of(store: &Store) -> Self {
        let Some(status) = store.status() else {
            let node = store.node_status().map(|status| NodeReport {
                connected: status.is_connected,
                waiting_calls: status.waiting,
                nodes: status.nodes,
                error: status.problem,
            });
            let kind = match node {
                Some(_) => Kind::Redis,
                None => Kind::Memory,
            };
            let file = None;
            return Self { kind, file, node };
        };
        let round = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
        Self {
            kind: Kind::File,
            node: None,
            file: Some(FileReport {
                bytes: status.file_bytes + status.wal_bytes,
                waiting_bytes: status.waiting_bytes,
                commits: status.commits,
                seconds_since_commit: status.last_commit.map(|ago| round(ago.as_secs_f64())),
                error: status.error,
            }),
        }
    }
}
