//! Writes all numbers of the server in the text format of Prometheus.

use std::fmt;
use std::sync::Arc;

use channelstream_actors::broker::Population;
use channelstream_actors::counters::Counters;
use channelstream_actors::memory::Memory;
use channelstream_actors::store::file::StoreStatus;
use channelstream_actors::store::redis::status::NodeStatus;
use channelstream_actors::transport::ByTransport;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::registry::Registry;

use super::Metrics;
use super::process::ProcessNumbers;
use super::writer::Writer;

/// The content type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The sources of the numbers. Numbers that must be requested from actors or from the operating
/// system were requested before.
#[derive(Debug)]
pub struct Numbers {
    /// The version of the server.
    pub version: &'static str,
    /// The time at which the server started, in seconds since 1970.
    pub start_time: f64,
    /// Whether the server is ready for requests.
    pub is_ready: bool,
    /// The numbers of the process, from the operating system.
    pub process: ProcessNumbers,
    /// The number of actors of each kind.
    pub population: Population,
    /// The counters of the broker.
    pub counters: Counters,
    /// The count of memory.
    pub memory: Memory,
    /// The state of the store, if it is a file.
    pub store: Option<StoreStatus>,
    /// The state of the node, if the store is Redis.
    pub node: Option<NodeStatus>,
    /// The number of panics.
    pub panics: u64,
    /// The other counts of the server.
    pub metrics: Arc<Metrics>,
}

/// Encodes the numbers as text.
///
/// # Errors
/// Never fails, because writing to a `String` cannot fail.
pub fn encode(numbers: Numbers) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(numbers));
    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    Ok(text)
}

impl Collector for Numbers {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Writer(encoder);
        self.write_server(&mut to)?;
        self.write_messages(&mut to)?;
        self.write_clients(&mut to)?;
        self.write_requests(&mut to)?;
        self.write_faults(&mut to)?;
        self.write_memory(&mut to)?;
        self.write_store(&mut to)?;
        self.write_node(&mut to)?;
        self.write_process(&mut to)
    }
}

/// Returns the values for all transports, each with its label.
fn by_transport(values: ByTransport<u64>) -> [([(&'static str, &'static str); 1], u64); 5] {
    [
        ([("transport", "websocket")], values.websocket),
        ([("transport", "sse")], values.event_stream),
        ([("transport", "long_poll")], values.long_poll),
        ([("transport", "socketio")], values.socket_io),
        (
            [("transport", "socketio_polling")],
            values.socket_io_polling,
        ),
    ]
}

impl Numbers {
    fn write_server(&self, to: &mut Writer<'_>) -> fmt::Result {
        to.gauges(
            "channelstream_build_info",
            "Always 1. The label is the version of the server.",
            [([("version", self.version)], 1u64)],
        )?;
        to.gauge(
            "channelstream_ready",
            "1 while the server is ready for requests, 0 while it stops or its store cannot be \
             written.",
            u64::from(self.is_ready),
        )?;
        to.histogram(
            "channelstream_event_loop_delay_seconds",
            "The delay with which the threads started due work.",
            &self.metrics.event_loop_delay.read(),
        )
    }

    fn write_messages(&self, to: &mut Writer<'_>) -> fmt::Result {
        let counters = &self.counters;
        to.counter(
            "channelstream_messages_published_total",
            "Messages that were accepted.",
            counters.messages(),
        )?;
        to.counter(
            "channelstream_messages_delivered_total",
            "Messages that were handed to clients. A message to three clients counts three times.",
            counters.delivered_messages(),
        )?;
        to.counters(
            "channelstream_deliveries_total",
            "Events of any kind that were handed to clients. An event to three clients counts \
             three times.",
            by_transport(counters.deliveries()),
        )?;
        to.counter(
            "channelstream_full_queues_total",
            "Times that a client's queue was full when there were entries for it.",
            counters.full_queues(),
        )?;
        to.counter(
            "channelstream_slow_clients_total",
            "Clients that were closed because a log lost entries that they had not read.",
            counters.too_slow(),
        )?;
        to.counter(
            "channelstream_gaps_total",
            "The number of times that a client was told that it has missed entries (catchup:gap).",
            counters.gaps(),
        )?;
        to.histogram(
            "channelstream_confirmation_lag_seconds",
            "Time from a ping behind the events of a websocket to the pong that confirms them.",
            &self.metrics.confirmation_lag.read(),
        )
    }

    fn write_clients(&self, to: &mut Writer<'_>) -> fmt::Result {
        let (counters, connections) = (&self.counters, self.counters.connections());
        to.gauges(
            "channelstream_transports",
            "Transports that are open now.",
            by_transport(counters.listening()),
        )?;
        let ends = self.metrics.transport_ends.read();
        to.counters(
            "channelstream_transport_closes_total",
            "Transports that have ended, by the reason.",
            ends.iter().map(|end| {
                let labels = [("transport", end.transport), ("reason", end.reason)];
                (labels, end.count)
            }),
        )?;
        to.counter(
            "channelstream_takeovers_total",
            "Times that a newer transport took over a connection from one that was still open.",
            counters.takeovers(),
        )?;
        to.counter(
            "channelstream_connections_opened_total",
            "Connections that were opened.",
            connections.opened,
        )?;
        to.counters(
            "channelstream_connection_closes_total",
            "Connections that have ended for good, by the reason.",
            [
                ([("reason", "disconnected")], connections.disconnected),
                ([("reason", "idle")], connections.idle),
                ([("reason", "restart")], connections.restart),
                ([("reason", "fault")], connections.fault),
            ],
        )?;
        to.gauge(
            "channelstream_users_online",
            "Users that have a connection now.",
            counters.users_online(),
        )
    }

    fn write_requests(&self, to: &mut Writer<'_>) -> fmt::Result {
        let requests = self.metrics.requests.read();
        to.counters(
            "channelstream_http_requests_total",
            "Requests that were answered, by path and status.",
            requests.iter().map(|it| {
                let labels = [("path", it.path), ("status", it.status.as_str())];
                (labels, it.count)
            }),
        )?;
        let refusals = self.counters.limit_refusals();
        to.counters(
            "channelstream_limit_refusals_total",
            "Calls and clients that were refused because of a limit, by its setting.",
            refusals.map(|(kind, count)| ([("limit", kind.setting())], count)),
        )?;
        to.gauge(
            "channelstream_pending_calls",
            "Calls that change something and now wait for the actors.",
            self.counters.pending(),
        )
    }

    fn write_faults(&self, to: &mut Writer<'_>) -> fmt::Result {
        to.counter(
            "channelstream_panics_total",
            "Faults of the server (panics), each of which ended one actor, socket or request.",
            self.panics,
        )?;
        let faults = self.counters.faults();
        to.counters(
            "channelstream_actor_faults_total",
            "Actors that a fault of the server ended.",
            [
                ([("kind", "channel")], faults.channels),
                ([("kind", "user")], faults.users),
                ([("kind", "connection")], faults.connections),
            ],
        )
    }

    fn write_memory(&self, to: &mut Writer<'_>) -> fmt::Result {
        let population = self.population;
        to.gauges(
            "channelstream_actors",
            "Actors that exist now.",
            [
                ([("kind", "channel")], population.channels as u64),
                ([("kind", "user")], population.users as u64),
                ([("kind", "connection")], population.connections as u64),
            ],
        )?;
        to.gauge(
            "channelstream_log_bytes",
            "Approximate bytes that the logs of all channels and users hold.",
            self.memory.log_bytes() as u64,
        )?;
        to.gauge(
            "channelstream_history_bytes",
            "Approximate bytes that the histories of all channels hold.",
            self.memory.history_bytes() as u64,
        )?;
        to.gauge(
            "channelstream_memory_counted_bytes",
            "Bytes that are counted: messages, entries, states, bodies, and fixed sums for actors \
             and sockets.",
            self.memory.counted() as u64,
        )?;
        to.gauge(
            "channelstream_memory_limit_bytes",
            "The most bytes that may be counted (memory_limit). 0 for no limit.",
            self.memory.limit().unwrap_or_default() as u64,
        )?;
        to.counter(
            "channelstream_memory_trims_total",
            "Times that logs and histories were trimmed because too many bytes were counted.",
            self.memory.trims(),
        )
    }

    fn write_store(&self, to: &mut Writer<'_>) -> fmt::Result {
        let Some(store) = &self.store else {
            return Ok(());
        };
        to.gauge(
            "channelstream_store_writable",
            "1 while the file of the store can be written, 0 while calls that change something are \
             refused.",
            u64::from(store.is_ready()),
        )?;
        to.gauge(
            "channelstream_store_file_bytes",
            "The size of the file of the store.",
            store.file_bytes,
        )?;
        to.gauge(
            "channelstream_store_wal_bytes",
            "The size of the write-ahead log beside the file of the store.",
            store.wal_bytes,
        )?;
        to.gauge(
            "channelstream_store_waiting_bytes",
            "Approximate bytes that wait to be written to the file of the store.",
            store.waiting_bytes as u64,
        )?;
        to.counter(
            "channelstream_store_commits_total",
            "Transactions that were written to the file of the store.",
            store.commits,
        )?;
        let Some(age) = store.last_commit else {
            return Ok(());
        };
        to.gauge(
            "channelstream_store_last_commit_age_seconds",
            "Time since the last transaction was written. It grows while nothing changes.",
            age.as_secs_f64(),
        )
    }

    fn write_node(&self, to: &mut Writer<'_>) -> fmt::Result {
        let Some(node) = &self.node else {
            return Ok(());
        };
        to.gauge(
            "channelstream_redis_connected",
            "1 while this node has a connection to Redis, 0 while calls are refused.",
            u64::from(node.is_connected),
        )?;
        to.gauge(
            "channelstream_redis_waiting_calls",
            "Calls of this node that wait for Redis.",
            node.waiting,
        )?;
        to.counter(
            "channelstream_redis_calls_total",
            "Calls of this node that Redis has answered.",
            node.calls,
        )?;
        to.counter(
            "channelstream_redis_refused_calls_total",
            "Calls of this node that were refused, or given up, because Redis did not answer.",
            node.refused,
        )?;
        to.counter(
            "channelstream_feed_entries_total",
            "Entries of the feed that this node has read.",
            node.entries,
        )?;
        to.counter(
            "channelstream_feed_missed_total",
            "Times that the feed was trimmed before this node had read it.",
            node.missed,
        )?;
        to.counter(
            "channelstream_redis_terms_total",
            "Restarts and failovers of Redis that this node has seen.",
            node.terms,
        )?;
        to.counter(
            "channelstream_redis_losses_total",
            "Times that this node has noticed that Redis has lost something.",
            node.losses,
        )?;
        to.gauge(
            "channelstream_nodes",
            "Nodes that are alive, this one among them.",
            node.nodes,
        )?;
        to.gauge(
            "channelstream_feed_lag_seconds",
            "The time that this node needed last to hand on everything up to the end of the feed.",
            node.lag.as_secs_f64(),
        )?;
        to.counter(
            "channelstream_dead_nodes_total",
            "Nodes that this node has found dead.",
            node.dead,
        )
    }

    fn write_process(&self, to: &mut Writer<'_>) -> fmt::Result {
        let process = &self.process;
        to.gauge(
            "process_start_time_seconds",
            "The time at which the process started, in seconds since 1970.",
            self.start_time,
        )?;
        if let Some(seconds) = process.processor_seconds {
            to.counter_of_seconds(
                "process_cpu_seconds_total",
                "The time that the process has run on processors.",
                seconds,
            )?;
        }
        for (name, help, value) in [
            (
                "process_resident_memory_bytes",
                "Resident memory of the process.",
                process.resident_bytes,
            ),
            (
                "process_open_fds",
                "Open descriptors, which are sockets and files.",
                process.open_descriptors,
            ),
            (
                "process_max_fds",
                "The most descriptors that may be open.",
                process.most_descriptors,
            ),
        ] {
            if let Some(value) = value {
                to.gauge(name, help, value)?;
            }
        }
        Ok(())
    }
}
