//! The table of all settings: name, type, default and meaning of each. Settings files, environment
//! variables, flags, `config make` and the documentation all follow this table.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use channelstream_actors::limits::Limits;

use super::listen::ListenAddress;
use super::log_format::LogFormat;
use super::network::Network;
use super::origin::Origin;
use super::proxy_header::ProxyHeader;
use super::redis_url::RedisUrl;
use super::secret::Secret;
use super::secret_list::SecretList;
use super::signature::{SignatureScope, SignatureTolerance};
use super::store::{StoreKind, StoreSync};
use super::value::{LogLevel, Scheme, SettingValue, SignatureChecker, ValueRemark};

/// The default of `secret`, which everyone knows.
const DEFAULT_SECRET: &str = "secret";

/// The default of `admin_secret`, which everyone knows.
const DEFAULT_ADMIN_SECRET: &str = "admin_secret";

/// The name and meaning of a setting, without its value.
#[derive(Clone, Copy, Debug)]
pub struct SettingKey {
    /// The key in a settings file. The environment variable is `CHANNELSTREAM_<NAME>`, and the flag
    /// is the name with dashes, for example `--log-level`.
    pub name: &'static str,
    /// The description of the setting, in a few sentences.
    pub meaning: &'static str,
}

macro_rules! settings {
    ($($(#[doc = $meaning:literal])+ $name:ident: $type:ty = $default:expr;)+) => {
        /// All settings of the server. `channelstream.toml` lists them with their defaults.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $($(#[doc = $meaning])+ pub $name: $type,)+
        }

        /// The keys of all settings, in the order of `channelstream.toml`.
        pub const KEYS: &[SettingKey] = &[$(SettingKey {
            name: stringify!($name),
            meaning: concat!($($meaning, "\n"),+),
        },)+];

        impl Default for Settings {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Settings {
            /// Sets a setting from its text. Returns `None` if there is no such setting.
            ///
            /// # Errors
            /// Returns a description of what is expected instead of the text.
            pub(super) fn set(&mut self, name: &str, text: &str) -> Option<Result<(), String>> {
                match name {
                    $(stringify!($name) => Some(
                        <$type as SettingValue>::parse(text).map(|value| self.$name = value)
                    ),)+
                    _ => None,
                }
            }

            /// Sets a setting from its text in an `.ini` file of the original, and adds remarks
            /// about values without effect. Returns `None` if there is no such setting.
            ///
            /// # Errors
            /// Returns a description of what is expected instead of the text.
            pub(super) fn set_as_original(
                &mut self,
                name: &str,
                text: &str,
                remarks: &mut Vec<ValueRemark>,
            ) -> Option<Result<(), String>> {
                match name {
                    $(stringify!($name) => {
                        Some(
                            <$type as SettingValue>::parse_as_original(text, remarks)
                                .map(|value| self.$name = value)
                        )
                    })+
                    _ => None,
                }
            }

            /// Returns all settings as texts that can be read again, with secrets in clear.
            pub(super) fn to_texts(&self) -> Vec<(SettingKey, String)> {
                KEYS.iter().copied().zip([$(self.$name.to_text(),)+]).collect()
            }

            /// Returns all settings as texts for people, with secrets masked.
            pub fn to_masked(&self) -> Vec<(SettingKey, String)> {
                KEYS.iter().copied().zip([$(self.$name.to_masked(),)+]).collect()
            }

            /// Returns all settings as TOML values, with secrets in clear.
            pub fn to_toml(&self) -> Vec<(SettingKey, String)> {
                KEYS.iter().copied().zip([$(self.$name.to_toml(),)+]).collect()
            }
        }
    };
}

settings! {
    /// The address to listen on.
    host: String = "127.0.0.1".to_owned();
    /// The port to listen on.
    port: u16 = 8000;
    /// The addresses to listen on instead of `host` and `port`, for example `0.0.0.0:8000`,
    /// `[::]:8000` or `unix:/run/channelstream.sock`.
    listen: Vec<ListenAddress> = Vec::new();
    /// More addresses to listen on, for signed calls, the panel, the explorer, metrics and health
    /// checks. If there are any, all other addresses serve only `/ws`, `/socket.io/`, `/sse`,
    /// `/listen`, `/disconnect` and the browser client.
    internal_listen: Vec<ListenAddress> = Vec::new();
    /// Allow a second server to listen on the same address (SO_REUSEPORT), so that it serves while
    /// this one stops. Both servers need this setting. When a server stops, the kernel resets the
    /// connections that the server has not accepted yet. With a socket from systemd no connection
    /// is reset.
    reuse_port: bool = false;
    /// The secret that your application signs its calls with. A list, `["new", "old"]`, allows
    /// several secrets while you replace one. The server itself signs with the first.
    secret: SecretList = SecretList::from(DEFAULT_SECRET);
    /// A file to read `secret` from, with one secret on each line. Empty: no file.
    secret_file: String = String::new();
    /// The user name for signing in to the admin panel.
    admin_user: String = "admin".to_owned();
    /// The password of the admin panel.
    admin_secret: Secret = Secret::from(DEFAULT_ADMIN_SECRET);
    /// A file to read `admin_secret` from. Empty: no file.
    admin_secret_file: String = String::new();
    /// The secret that signs the session cookie of the panel. Empty: a new random secret at each
    /// start, which ends all sessions.
    cookie_secret: Secret = Secret::from("");
    /// A file to read `cookie_secret` from. Empty: no file.
    cookie_secret_file: String = String::new();
    /// The addresses and networks that may make signed calls, and that may read `/metrics` without
    /// a signature, for example `10.0.0.0/8` or `::1`. `0.0.0.0` allows all addresses.
    allow_posting_from: Vec<Network> = vec![Network::from(IpAddr::from([127, 0, 0, 1]))];
    /// The origins whose pages may read answers, for example `https://app.example`. A host, such as
    /// `app.example`, stands for all its origins. Empty: all origins.
    allow_cors: Vec<Origin> = Vec::new();
    /// The origins whose pages may open `/ws`, `/socket.io/` and `/sse`, in the form of
    /// `allow_cors`. Pages of other origins get 403. A request without an origin does not come from
    /// a page of another site, and is allowed. Empty: all origins.
    allow_origins: Vec<Origin> = Vec::new();
    /// Refuse signatures older than 60 seconds.
    validate_requests: bool = true;
    /// `any` or `path`. With `path` the signed text, up to a `|`, must be the path of the call;
    /// otherwise the call gets 401.
    signature_scope: SignatureScope = SignatureScope::default();
    /// The number of seconds by which a signature may be dated ahead of this server's clock. A
    /// signature further ahead gets 401. `off`: no limit.
    signature_tolerance: SignatureTolerance = SignatureTolerance::default();
    /// Accept each signature only once. A repeated signature gets 401. The signed text must be
    /// `PATH|NONCE`, with a different nonce for each call.
    reject_replays: bool = false;
    /// The largest size, in bytes, of the memory for the signatures that `reject_replays`
    /// remembers. Each is remembered for 60 seconds. When the memory is full, signed calls get 503.
    replay_bytes: usize = 64 << 20;
    /// Whether a Socket.IO page may listen as a user with a `sig` that the application has made,
    /// and join and leave the channels to which the application has subscribed that user.
    socketio_username: bool = false;
    /// The largest age of such a `sig`, in seconds.
    socketio_signature_age: Duration = Duration::from_secs(86_400);
    /// Answer 406 to every request that did not come by https.
    enforce_https: bool = false;
    /// `http` or `https`: the scheme of links, whatever the scheme of the request. Empty: the
    /// scheme of the request.
    http_scheme: Scheme = Scheme::default();
    /// The addresses and networks of your reverse proxies. The server believes the headers in
    /// `proxy_headers` only if they come from these. Empty: the server believes no proxy header.
    trusted_proxies: Vec<Network> = Vec::new();
    /// The headers that your reverse proxies set. The server believes only these, and only from
    /// `trusted_proxies`. The list may also name `x-script-name`, `x-scheme` and `x-url-scheme`,
    /// which the original believes.
    proxy_headers: Vec<ProxyHeader> = vec![
        ProxyHeader::ForwardedFor,
        ProxyHeader::ForwardedProto,
        ProxyHeader::ForwardedHost,
        ProxyHeader::ForwardedPrefix,
    ];
    /// The lowest level that is logged: `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`.
    log_level: LogLevel = LogLevel::default();
    /// `text` or `json`: log lines for people, or one JSON object on each line.
    log_format: LogFormat = LogFormat::default();
    /// Log everything from level `DEBUG` up, whatever `log_level` says.
    debug: bool = false;
    /// A Python class that files of the original name. The default is the only class that this
    /// server accepts.
    signature_checker: SignatureChecker = SignatureChecker;
    /// Serve the front page at `/` and the demo, a chat, at `/demo` to everyone who can reach this
    /// server.
    demo: bool = false;
    /// Seconds after which a connection ends if its client is neither reachable nor heard from.
    /// Must be larger than `heartbeat_interval` and `wake_connections_after`.
    gc_conns_after: Duration = Limits::default().idle;
    /// Seconds for which a user still counts as present after the user's websocket closed. A page
    /// reload that takes less time sends no presence events.
    presence_grace: Duration = Limits::default().presence_grace;
    /// Seconds after which a user without connections is forgotten.
    gc_users_after: Duration = Limits::default().user_lifetime;
    /// Seconds after which a channel without subscribers is forgotten.
    gc_channels_after: Duration = Limits::default().channel_lifetime;
    /// Seconds between two checks for users and channels to forget.
    sweep_interval: Duration = Limits::default().sweep;
    /// Seconds between heartbeats on a websocket.
    heartbeat_interval: Duration = Duration::from_secs(5);
    /// Seconds for which a long-poll waits for a message.
    wake_connections_after: Duration = Duration::from_secs(5);
    /// Seconds for which a long-poll that has a message waits for more messages.
    gather_time: Duration = Duration::from_millis(250);
    /// The largest number of a channel's frames that a client gets when it listens for the first
    /// time: the latest since it subscribed.
    channel_frames: usize = Limits::default().channel_frames;
    /// The number of a user's last private messages that a client gets when it listens for the
    /// first time.
    private_frames: usize = Limits::default().private_frames;
    /// The largest number of entries that each channel and each user keeps for clients that come
    /// back or are slow.
    log_length: usize = Limits::default().log_length;
    /// The largest size, in bytes, of the entries that one channel or one user keeps for clients
    /// that come back or are slow.
    log_bytes: usize = Limits::default().log_bytes;
    /// The largest size, in bytes, of the messages in a channel's history. Beyond it the oldest
    /// messages are dropped.
    history_bytes: usize = Limits::default().history_bytes;
    /// The largest size, in bytes, of the memory for calls with an `Idempotency-Key`. When the
    /// memory is full, calls with new keys get 503.
    idempotency_bytes: usize = Limits::default().idempotency_bytes;
    /// `memory`, `file` or `redis`: where users, channels, messages and connections are kept. With
    /// `file` a server that starts again continues where it stopped. With `redis` several servers
    /// share them.
    store: StoreKind = StoreKind::default();
    /// The path of the SQLite database that `store = "file"` uses. Its folder must exist.
    store_path: String = "channelstream.sqlite".to_owned();
    /// `interval` or `always`. With `always` the server answers a call only after its change is on
    /// the disk. With `interval` a power cut can lose the last second.
    store_sync: StoreSync = StoreSync::default();
    /// The longest time, in seconds, that a change waits before it is written to the file. A
    /// process that is killed loses at most the changes of this time.
    store_flush_interval: Duration = Duration::from_millis(50);
    /// The largest size, in bytes, of the changes that wait for a file that cannot be written.
    /// Beyond it the changes are dropped, and the whole file is written anew when it can be written
    /// again.
    store_queue_bytes: usize = 64 << 20;
    /// The addresses of the Redis that `store = "redis"` uses, or of some servers of a Redis
    /// Cluster, with a user and a password if they need them: `redis://user:password@redis:6379/0`,
    /// or `rediss://` for TLS.
    redis_urls: Vec<RedisUrl> = vec![RedisUrl::from("redis://127.0.0.1:6379")];
    /// The name of the primary that Redis Sentinels watch. Then `redis_urls` has the addresses of
    /// the Sentinels, with the user and the password of Redis. Empty: no Sentinels.
    redis_sentinel: String = String::new();
    /// A PEM file with the authority that has signed the certificates of Redis, for `rediss://`. No
    /// other one is trusted then. Empty: the public authorities are trusted.
    redis_ca: String = String::new();
    /// The number of replicas that must confirm a change within half a second. If fewer do, the
    /// call gets 503 with `"outcome": "unknown"`.
    redis_replicas: usize = 0;
    /// The beginning of the names of all keys in Redis. Servers with the same beginning share their
    /// channels.
    redis_prefix: String = "cs1:".to_owned();
    /// Seconds for which a server with `store = "file"` waits for clients to return after a
    /// restart. A user whose clients return within this time does not leave any channel.
    restart_grace: Duration = Limits::default().restart_grace;
    /// The largest number of message lists that wait for one client. Further messages stay in the
    /// log.
    queue_frames: usize = 128;
    /// The largest number of bytes that wait for one client. Further messages stay in the log.
    queue_bytes: usize = 32 << 10;
    /// The largest size of a request's body, in bytes. A larger body gets 413.
    body_limit: usize = 1 << 20;
    /// The largest size of the `message` of an item in POST and PATCH `/message`, in bytes as
    /// received. A larger one gets 422.
    message_limit: usize = 256 << 10;
    /// The largest number of channels in each list of a call. A call with more gets 422. 0: no
    /// limit.
    channels_per_call: usize = 10_000;
    /// The largest number of messages that one call may publish, edit or delete. A call with more
    /// gets 422. 0: no limit.
    messages_per_call: usize = 10_000;
    /// The largest number of users in `pm_users`, and also in `exclude_users`, of a message. A call
    /// with more gets 422. 0: no limit.
    recipients_per_message: usize = 100_000;
    /// The largest number of channels that a connection may be in. A call that would exceed it gets
    /// 422. 0: no limit. With `store = "redis"` at most 1000.
    channels_per_connection: usize = Limits::default().channels_per_connection;
    /// The largest number of connections, and also of sockets. Beyond it calls to `/connect` and
    /// polls get 503, and websockets and event streams are closed with 1013. 0: no limit for
    /// connections, and for sockets the number of descriptors that the process may open (nofile),
    /// less 64.
    max_connections: usize = 0;
    /// The largest number of connections that an address may have. Beyond it requests get 429. This
    /// limit applies only where the address of a client is known. 0: no limit.
    max_connections_per_address: usize = 1000;
    /// The largest number of channels. A call that would exceed it gets 503. 0: no limit.
    max_channels: usize = Limits::default().channels;
    /// The largest number of users, including users who have been offline for less than
    /// `gc_users_after`. A call that would exceed it gets 503. 0: no limit.
    max_users: usize = Limits::default().users;
    /// The largest number of connections that a user may have, including connections that have been
    /// away for less than `gc_conns_after`. A call that would exceed it gets 422. 0: no limit.
    max_connections_per_user: usize = Limits::default().connections_per_user;
    /// The largest number of keys in a user's state. A call that would exceed it gets 422. 0: no
    /// limit.
    state_keys: usize = Limits::default().state_keys;
    /// The largest size, in bytes, of all keys and values in a user's state. A call that would
    /// exceed it gets 422. 0: no limit.
    state_bytes: usize = Limits::default().state_bytes;
    /// The largest number of public keys that a user's state may have. A call with more gets 422.
    /// 0: no limit.
    public_keys: usize = 1000;
    /// The largest number of admin panels that may be open at once. Further panels get 503. Each
    /// panel reads all channels or users again and again. 0: no limit.
    open_panels: usize = 20;
    /// The largest number of bytes that the server may hold in logs, histories and states, plus a
    /// fixed amount for each connection, user, channel and socket. Beyond it messages get 503, and
    /// the largest logs and histories lose their oldest entries. 0: three quarters of the memory of
    /// the control group or the machine.
    memory_limit: usize = 0;
    /// The largest `history_size` that a channel may have. A call with a larger one gets 422. 0: no
    /// limit.
    history_size_max: usize = 10_000;
    /// Seconds within which the head of a request must arrive; otherwise the request gets 408. For
    /// the first request the time starts when the connection is made. For each later request it
    /// starts with the first byte of the head.
    head_timeout: Duration = Duration::from_secs(10);
    /// Seconds within which the body of a request must arrive; otherwise the request gets 408.
    body_timeout: Duration = Duration::from_secs(30);
    /// The lowest average rate at which a body must arrive, in bytes per second, once 5 seconds
    /// have passed. A slower body gets 408. 0: no lowest rate.
    body_rate: usize = 1024;
    /// The largest websocket frame that a client may send, in bytes. A larger frame closes the
    /// websocket with 1009. For a Socket.IO client that polls, it is the largest body.
    frame_limit: usize = 4096;
    /// The largest number of frames that a client may send by websocket in a second. More frames
    /// close the websocket with 1008. Pongs that answer the server's pings do not count. A
    /// Socket.IO client that polls may send as many packets. 0: no limit.
    frames_per_second: usize = 50;
    /// The largest number of requests that need no signature, from one address in a second. Further
    /// requests get 429. This limit applies only where the address of a client is known. 0: no
    /// limit.
    unsigned_rate: usize = 100;
    /// The largest number of calls that need a signature, from one address in a second. Further
    /// calls get 429. This limit applies only where the address of a client is known. 0: no limit.
    signed_rate: usize = 0;
    /// Seconds that a client has to close its websocket after the server asked it to. Then the
    /// server cuts the connection.
    close_grace: Duration = Limits::default().close_grace;
    /// Seconds for which the server continues to serve after it was told to stop, while `/ready`
    /// already answers 503. Set it to the time that a load balancer needs to notice.
    drain_notice: Duration = Duration::ZERO;
    /// Seconds within which a stopping server finishes running calls and closes all clients one
    /// after the other.
    drain_time: Duration = Duration::from_secs(5);
    /// The number of threads, at most 256. 0: one thread for each processor.
    workers: usize = 0;
}

/// The most channels of a connection whose state is in Redis.
const MOST_SHARED_CHANNELS: usize = 1000;

impl Settings {
    /// Returns the limits that the actors obey.
    pub fn limits(&self) -> Limits {
        let channels_per_connection = match (self.store, self.channels_per_connection) {
            // A script in Redis goes through all channels of a connection.
            (StoreKind::Redis, 0 | MOST_SHARED_CHANNELS..) => MOST_SHARED_CHANNELS,
            (_, count) => count,
        };
        Limits {
            // Actors cannot work with zero here, so it stands for the smallest value that works.
            idle: self.gc_conns_after.max(Duration::from_millis(100)),
            presence_grace: self.presence_grace,
            user_lifetime: self.gc_users_after,
            channel_lifetime: self.gc_channels_after,
            sweep: self.sweep_interval.max(Duration::from_millis(10)),
            channel_frames: self.channel_frames,
            private_frames: self.private_frames,
            log_length: self.log_length.max(1),
            log_bytes: self.log_bytes,
            history_bytes: self.history_bytes,
            idempotency_bytes: self.idempotency_bytes,
            close_grace: self.close_grace,
            restart_grace: self.restart_grace,
            channels_per_connection,
            connections: self.max_connections,
            channels: self.max_channels,
            users: self.max_users,
            connections_per_user: self.max_connections_per_user,
            state_keys: self.state_keys,
            state_bytes: self.state_bytes,
            memory: self.memory_limit,
            is_shared: self.store == StoreKind::Redis,
            clients_join: self.socketio_username,
            ..Limits::default()
        }
    }

    /// Returns the keys of the secrets that still have their defaults, which everyone knows.
    pub fn default_secrets(&self) -> Vec<&'static str> {
        let is_default = [
            (
                "secret",
                self.secret
                    .iter()
                    .any(|secret| secret.as_str() == DEFAULT_SECRET),
            ),
            ("admin_secret", self.has_default_admin_secret()),
        ];
        is_default
            .into_iter()
            .filter_map(|(key, is_default)| is_default.then_some(key))
            .collect()
    }

    /// Returns whether `admin_secret` is the default, which everyone knows. Such a server can be
    /// reached only from its own machine, since [`check`](Self::check) refuses it elsewhere.
    pub fn has_default_admin_secret(&self) -> bool {
        self.admin_secret.as_str() == DEFAULT_ADMIN_SECRET
    }
}

impl fmt::Display for SettingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
