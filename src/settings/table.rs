//! Every setting, once: its name, type, default and meaning. Files, environment, flags, `config
//! make` and the documentation all follow this table.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use channelstream_actors::limits::Limits;

use super::listen::ListenAddress;
use super::log_format::LogFormat;
use super::network::Network;
use super::origin::Origin;
use super::proxy_header::ProxyHeader;
use super::secret::Secret;
use super::secret_list::SecretList;
use super::signature::{SignatureScope, SignatureTolerance};
use super::store::{StoreKind, StoreSync};
use super::value::{LogLevel, Scheme, SettingValue, SignatureChecker, ValueRemark};

/// The default of `secret`, which everyone knows.
const KNOWN_SECRET: &str = "secret";

/// The default of `admin_secret`, which everyone knows.
const KNOWN_ADMIN_SECRET: &str = "admin_secret";

/// What is known of a setting without its value.
#[derive(Clone, Copy, Debug)]
pub struct SettingKey {
    /// The key in a file. The environment says `CHANNELSTREAM_<NAME>`, and a flag `--na-me`.
    pub name: &'static str,
    /// What the setting means, in a sentence or two.
    pub meaning: &'static str,
}

macro_rules! settings {
    ($($(#[doc = $meaning:literal])+ $name:ident: $type:ty = $default:expr;)+) => {
        /// All settings of the server. `channelstream.toml` shows them at a glance.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $($(#[doc = $meaning])+ pub $name: $type,)+
        }

        /// All settings, in the order of `channelstream.toml`.
        pub const KEYS: &[SettingKey] = &[$(SettingKey { name: stringify!($name), meaning: concat!($($meaning, "\n"),+) },)+];

        impl Default for Settings {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Settings {
            /// Sets a setting from its text. Returns `None` when there is no such setting.
            ///
            /// # Errors
            /// Returns what is expected instead of the text.
            pub(super) fn set(&mut self, name: &str, text: &str) -> Option<Result<(), String>> {
                match name {
                    $(stringify!($name) => Some(<$type as SettingValue>::parse(text).map(|value| self.$name = value)),)+
                    _ => None,
                }
            }

            /// Sets a setting from its text in an `.ini` file. Returns `None` when there is no such
            /// setting.
            ///
            /// # Errors
            /// Returns what is expected instead of the text.
            pub(super) fn set_as_original(
                &mut self,
                name: &str,
                text: &str,
                remarks: &mut Vec<ValueRemark>,
            ) -> Option<Result<(), String>> {
                match name {
                    $(stringify!($name) => {
                        Some(<$type as SettingValue>::parse_as_original(text, remarks).map(|value| self.$name = value))
                    })+
                    _ => None,
                }
            }

            /// Returns all settings as texts that can be read again, secrets in clear.
            pub(super) fn to_texts(&self) -> Vec<(SettingKey, String)> {
                KEYS.iter().copied().zip([$(self.$name.to_text(),)+]).collect()
            }

            /// Returns all settings as texts that can be read again, secrets masked.
            pub fn to_masked(&self) -> Vec<(SettingKey, String)> {
                KEYS.iter().copied().zip([$(self.$name.to_masked(),)+]).collect()
            }

            /// Returns all settings as TOML values, secrets in clear.
            pub fn to_toml(&self) -> Vec<(SettingKey, String)> {
                KEYS.iter().copied().zip([$(self.$name.to_toml(),)+]).collect()
            }
        }
    };
}

settings! {
    /// Address to listen on.
    host: String = "127.0.0.1".to_owned();
    /// Port to listen on.
    port: u16 = 8000;
    /// Addresses to listen on instead of `host` and `port`: `0.0.0.0:8000`, `[::]:8000`,
    /// `unix:/run/channelstream.sock`.
    listen: Vec<ListenAddress> = Vec::new();
    /// Further addresses, for signed calls, the panel, the explorer, metrics and health. Then all
    /// other addresses serve only `/ws`, `/sse`, `/listen`, `/disconnect` and the browser client.
    internal_listen: Vec<ListenAddress> = Vec::new();
    /// Allow a second server to listen on the same address (SO_REUSEPORT), so that it serves while
    /// this one stops; both need the setting. Connections that wait for the server that ends are
    /// reset by the kernel; with a socket from systemd none are.
    reuse_port: bool = false;
    /// The secret your application signs its calls with. A list, `["new", "old"]`, allows several,
    /// while you replace one; the server itself signs with the first.
    secret: SecretList = SecretList::from(KNOWN_SECRET);
    /// A file to read `secret` from instead, one secret a line. Empty: none.
    secret_file: String = String::new();
    /// Name to sign in to the admin panel with.
    admin_user: String = "admin".to_owned();
    /// Password of the admin panel.
    admin_secret: Secret = Secret::from(KNOWN_ADMIN_SECRET);
    /// A file to read `admin_secret` from instead. Empty: none.
    admin_secret_file: String = String::new();
    /// Signs the panel's session cookie. Empty: a new random one at each start, which ends all
    /// sessions.
    cookie_secret: Secret = Secret::from("");
    /// A file to read `cookie_secret` from instead. Empty: none.
    cookie_secret_file: String = String::new();
    /// Addresses and networks that may make signed calls, and read `/metrics` without a signature:
    /// `10.0.0.0/8`, `::1`. `0.0.0.0` allows all.
    allow_posting_from: Vec<Network> = vec![Network::from(IpAddr::from([127, 0, 0, 1]))];
    /// Origins whose pages may read answers: `https://app.example`; a host, `app.example`, stands
    /// for all its origins. Empty: all.
    allow_cors: Vec<Origin> = Vec::new();
    /// Origins whose pages may open `/ws` and `/sse`, in the form of `allow_cors`; 403 to others. A
    /// request without an origin comes from no page of another site, and is let in. Empty: all.
    allow_origins: Vec<Origin> = Vec::new();
    /// Refuse signatures older than 60 seconds.
    validate_requests: bool = true;
    /// `any` or `path`: with `path` the text that was signed, up to a `|`, must be the path of the
    /// call; 401 otherwise.
    signature_scope: SignatureScope = SignatureScope::default();
    /// Seconds by which a signature may be dated ahead of this server's clock; 401 beyond it. `off`:
    /// any number.
    signature_tolerance: SignatureTolerance = SignatureTolerance::default();
    /// Accept each signature once; 401 after that. The text that is signed must be `PATH|NONCE`, with
    /// another nonce for each call.
    reject_replays: bool = false;
    /// How many bytes the signatures take that `reject_replays` remembers, each for 60 seconds. When
    /// they are full, signed calls are answered 503.
    replay_bytes: usize = 64 << 20;
    /// Answer 406 to everything that did not come by https.
    enforce_https: bool = false;
    /// `http` or `https`: the scheme of links, whatever the request says. Empty: the request's.
    http_scheme: Scheme = Scheme::default();
    /// Addresses and networks of reverse proxies whose headers count, those that `proxy_headers`
    /// names. Empty: no proxy header counts.
    trusted_proxies: Vec<Network> = Vec::new();
    /// Headers that your reverse proxies set, and that count from them. Can be named besides:
    /// `x-script-name`, `x-scheme`, `x-url-scheme`, which the original believes.
    proxy_headers: Vec<ProxyHeader> = vec![
        ProxyHeader::ForwardedFor,
        ProxyHeader::ForwardedProto,
        ProxyHeader::ForwardedHost,
        ProxyHeader::ForwardedPrefix,
    ];
    /// `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`.
    log_level: LogLevel = LogLevel::default();
    /// `text` or `json`: lines of the log for people, or one JSON object a line.
    log_format: LogFormat = LogFormat::default();
    /// Log everything, whatever `log_level` says.
    debug: bool = false;
    /// Files of the original name a Python class here; only its default is known.
    signature_checker: SignatureChecker = SignatureChecker;
    /// Serve the front page at `/` and the demo, a chat, at `/demo`, to everyone who can reach this
    /// server.
    demo: bool = false;
    /// Seconds after which a connection ends whose client is neither reachable nor heard from. Must
    /// be larger than `heartbeat_interval` and `wake_connections_after`.
    gc_conns_after: Duration = Limits::default().idle;
    /// Seconds for which a user whose websocket closed still counts as present: a page reload
    /// within them tells nobody.
    presence_grace: Duration = Limits::default().presence_grace;
    /// Seconds after which a user without connections is forgotten.
    gc_users_after: Duration = Limits::default().user_lifetime;
    /// Seconds after which a channel that nobody is subscribed to is forgotten.
    gc_channels_after: Duration = Limits::default().channel_lifetime;
    /// Seconds between looks for users and channels to forget.
    sweep_interval: Duration = Limits::default().sweep;
    /// Seconds between heartbeats on a websocket.
    heartbeat_interval: Duration = Duration::from_secs(5);
    /// Seconds a long-poll waits for a message.
    wake_connections_after: Duration = Duration::from_secs(5);
    /// Seconds a long-poll that has a message waits for more.
    gather_time: Duration = Duration::from_millis(250);
    /// How many of a channel's last frames a client gets that listens for the first time.
    channel_frames: usize = Limits::default().channel_frames;
    /// The same for a user's private messages.
    private_frames: usize = Limits::default().private_frames;
    /// How many entries a channel or user keeps at most for clients that come back or are slow.
    log_length: usize = Limits::default().log_length;
    /// How many bytes these entries hold at most.
    log_bytes: usize = Limits::default().log_bytes;
    /// How many bytes the messages of a channel's history hold at most; the oldest go first.
    history_bytes: usize = Limits::default().history_bytes;
    /// How many bytes the memory for `Idempotency-Key` holds at most. When it is full, calls with
    /// new keys are answered 503.
    idempotency_bytes: usize = Limits::default().idempotency_bytes;
    /// `memory` or `file`: where users, channels, messages and connections are kept. With `file` a
    /// server that is started again goes on where it was.
    store: StoreKind = StoreKind::default();
    /// The file of `store = "file"`, an SQLite database. Its folder must exist.
    store_path: String = "channelstream.sqlite".to_owned();
    /// `interval` or `always`: with `always` a call is answered when its change is on the disk; with
    /// `interval` a power cut may take the last second.
    store_sync: StoreSync = StoreSync::default();
    /// Seconds after a change at which it is written to the file at the latest. A process that is
    /// killed loses at most that.
    store_flush_interval: Duration = Duration::from_millis(50);
    /// How many bytes of changes wait for a file that cannot be written. Beyond that they are
    /// dropped, and the file is written anew when it can be.
    store_queue_bytes: usize = 64 << 20;
    /// Seconds for which clients are waited for after a restart, with `store = "file"`: nobody parts
    /// because of a restart that is shorter.
    restart_grace: Duration = Limits::default().restart_grace;
    /// How many lists of messages wait for one client before they stay in the log instead.
    queue_frames: usize = 128;
    /// How many bytes wait for one client before they stay in the log instead.
    queue_bytes: usize = 32 << 10;
    /// The largest body of a request, in bytes; 413 beyond it.
    body_limit: usize = 1 << 20;
    /// The largest `message` of an item in POST and PATCH `/message`, in bytes as received; 422
    /// beyond it.
    message_limit: usize = 256 << 10;
    /// How many channels each list of a call may name; 422 beyond it. 0: no limit.
    channels_per_call: usize = 10_000;
    /// How many messages one call may publish, edit or delete; 422 beyond it. 0: no limit.
    messages_per_call: usize = 10_000;
    /// How many users `pm_users` and `exclude_users` of a message may name, each; 422 beyond it. 0:
    /// no limit.
    recipients_per_message: usize = 100_000;
    /// How many channels a connection may be in; 422 beyond it. 0: no limit.
    channels_per_connection: usize = Limits::default().channels_per_connection;
    /// How many connections there may be, and how many sockets; calls to `/connect` and polls get 503
    /// beyond it, websockets and event streams are closed with 1013. 0: any number of connections,
    /// and as many sockets as the process may open descriptors (nofile), less 64.
    max_connections: usize = 0;
    /// How many connections an address may have; 429 beyond it. It counts only where the address of a
    /// client is known. 0: no limit.
    max_connections_per_address: usize = 1000;
    /// How many channels there may be; 503 beyond it. 0: no limit.
    max_channels: usize = Limits::default().channels;
    /// How many users there may be, those that are offline for less than `gc_users_after` included;
    /// 503 beyond it. 0: no limit.
    max_users: usize = Limits::default().users;
    /// How many connections a user may have, those that are away for less than `gc_conns_after`
    /// included; 422 beyond it. 0: no limit.
    max_connections_per_user: usize = Limits::default().connections_per_user;
    /// How many keys the state of a user may have; 422 beyond it. 0: no limit.
    state_keys: usize = Limits::default().state_keys;
    /// How many bytes the keys and values of a user's state may have together; 422 beyond it. 0: no
    /// limit.
    state_bytes: usize = Limits::default().state_bytes;
    /// How many keys of a user's state may be public; 422 beyond it. 0: no limit.
    public_keys: usize = 1000;
    /// How many panels of operators may be open at once; 503 beyond it. Each asks all channels or users
    /// again and again. 0: no limit.
    open_panels: usize = 20;
    /// How many bytes of memory the server may count: logs, histories, states, and fixed sums for
    /// connections, users, channels and sockets. Beyond it messages are refused with 503, and the
    /// largest logs and histories lose their oldest entries. 0: three quarters of what the control
    /// group or the machine has.
    memory_limit: usize = 0;
    /// The largest `history_size` of a channel; 422 beyond it. 0: no limit.
    history_size_max: usize = 10_000;
    /// Seconds a request's head may take to arrive; 408 beyond it. They begin when a connection is
    /// made, and with the first byte of each later head.
    head_timeout: Duration = Duration::from_secs(10);
    /// Seconds a request's body may take to arrive; 408 beyond it.
    body_timeout: Duration = Duration::from_secs(30);
    /// How many bytes a second of a body must arrive, on average, once 5 seconds have passed; 408
    /// below it.
    body_rate: usize = 1024;
    /// The largest websocket frame a client may send, in bytes; closed with 1009 beyond it.
    frame_limit: usize = 4096;
    /// How many frames a client may send by websocket in a second; closed with 1008 beyond it. Pongs
    /// that answer the server's pings do not count. 0: no limit.
    frames_per_second: usize = 50;
    /// How many requests that need no signature an address may send in a second; 429 beyond it. It
    /// counts only where the address of a client is known. 0: no limit.
    unsigned_rate: usize = 100;
    /// The same for calls that need one. 0: no limit.
    signed_rate: usize = 0;
    /// Seconds a client has to close its websocket when told so, before it is cut.
    close_grace: Duration = Limits::default().close_grace;
    /// Seconds for which the server goes on serving when it was told to stop, while `/ready`
    /// answers 503 already: as long as a load balancer needs to notice.
    drain_notice: Duration = Duration::ZERO;
    /// Seconds within which calls under way finish and all clients are closed, one after the other,
    /// when the server stops.
    drain_time: Duration = Duration::from_secs(5);
    /// Threads, at most 256; as many as processors when 0.
    workers: usize = 0;
}

impl Settings {
    /// Returns the limits that the actors obey.
    pub fn limits(&self) -> Limits {
        Limits {
            // Nothing works at zero, which surely means "as little as possible".
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
            channels_per_connection: self.channels_per_connection,
            connections: self.max_connections,
            channels: self.max_channels,
            users: self.max_users,
            connections_per_user: self.max_connections_per_user,
            state_keys: self.state_keys,
            state_bytes: self.state_bytes,
            memory: self.memory_limit,
            ..Limits::default()
        }
    }

    /// Returns the keys of the secrets that are the defaults, which everyone knows.
    pub fn default_secrets(&self) -> Vec<&'static str> {
        let is_default = [
            (
                "secret",
                self.secret
                    .iter()
                    .any(|secret| secret.as_str() == KNOWN_SECRET),
            ),
            ("admin_secret", self.has_known_admin_secret()),
        ];
        is_default
            .into_iter()
            .filter_map(|(key, is_default)| is_default.then_some(key))
            .collect()
    }

    /// Returns whether everyone knows the password of the admin panel. Such a server can be reached
    /// from this machine only.
    pub fn has_known_admin_secret(&self) -> bool {
        self.admin_secret.as_str() == KNOWN_ADMIN_SECRET
    }
}

impl fmt::Display for SettingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
