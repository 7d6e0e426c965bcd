//! Finds the primary: the server that takes writes now.

use std::net::IpAddr;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, InfoDict, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, RedisResult, TlsCertificates, Value, from_redis_value,
};

/// The longest time that a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest time that a server may take to answer. A connection that is silent for longer is
/// replaced.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The servers that are asked which of them is the primary.
#[derive(Clone, Debug)]
pub struct Servers {
    /// Servers of Redis or, if there is a name, Sentinels.
    asked: Vec<Client>,
    /// The name of the primary that the Sentinels watch.
    sentinel: Option<String>,
}

/// The server that takes writes.
pub(super) struct Primary {
    pub(super) client: Client,
    /// What it says of itself.
    pub(super) info: InfoDict,
}

impl Servers {
    /// Creates the servers at these addresses (`redis_urls`). With a name (`redis_sentinel`) they
    /// are Sentinels. With a certificate in PEM (`redis_ca`) no other authority is trusted.
    ///
    /// # Errors
    /// Returns what is wrong with the settings. The text names no address, since an address may
    /// have a password in it.
    pub fn new(urls: &[impl AsRef<str>], sentinel: &str, ca: Option<&str>) -> Result<Self, String> {
        // An error means that it was chosen before. Only this provider is built in.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if urls.is_empty() {
            return Err("redis_urls names no server; set it to redis://HOST:6379".to_owned());
        }
        let number = 1..;
        let asked: Result<Vec<_>, _> = number
            .zip(urls)
            .map(|(number, url)| {
                let explain = |reason| format!("redis_urls: address {number} {reason}");
                client(url.as_ref(), ca).map_err(explain)
            })
            .collect();
        let servers = Self {
            asked: asked?,
            sentinel: Some(sentinel.to_owned()).filter(|name| !name.is_empty()),
        };
        let is_encrypted = |client: &Client| matches!(addr(client), ConnectionAddr::TcpTls { .. });
        if ca.is_some() && !servers.asked.iter().any(is_encrypted) {
            return Err(
                "redis_ca is set, but redis_urls has no address that begins with rediss://; write \
                 rediss:// to use TLS, or remove redis_ca"
                    .to_owned(),
            );
        }
        Ok(servers)
    }

    /// Returns the hosts to which nodes speak without encryption over a network.
    pub fn unencrypted_hosts(&self) -> Vec<&str> {
        let host = |client| match addr(client) {
            ConnectionAddr::Tcp(host, _) if !is_loopback(host) => Some(host.as_str()),
            _ => None,
        };
        self.asked.iter().filter_map(host).collect()
    }

    /// Finds the primary. `keys` is the beginning of all keys, which says who of a Redis Cluster is
    /// asked for. Where neither Sentinels nor a Redis Cluster decide, a node stays at its `last`
    /// primary as long as that is one.
    ///
    /// # Errors
    /// Returns the error of the last server that was asked.
    pub(super) async fn find(&self, keys: &str, last: Option<&Client>) -> RedisResult<Primary> {
        let last = last.filter(|_| self.sentinel.is_none());
        let mut found = Err(error("no server is known"));
        for client in last.into_iter().chain(&self.asked) {
            found = self.ask(client, keys).await;
            if found.is_ok() {
                break;
            }
        }
        found
    }

    /// Asks one server for the primary, and asks the primary whether it is one.
    async fn ask(&self, client: &Client, keys: &str) -> RedisResult<Primary> {
        let mut named = match &self.sentinel {
            Some(name) => {
                let asked = ask_sentinel(client, name).await;
                asked.map_err(|error| about(client, &error))?
            }
            None => client.clone(),
        };
        let mut info = info(&named).await?;
        if info.get::<u8>("cluster_enabled") == Some(1) {
            let owner = find_owner(&named, keys).await;
            let owner = owner.map_err(|error| about(&named, &error))?;
            if addr(&owner) != addr(&named) {
                named = owner;
                info = self::info(&named).await?;
            }
        }
        match info.get::<String>("role").as_deref() {
            Some("master") => Ok(Primary {
                client: named,
                info,
            }),
            _ => Err(about(&named, &error("it is not a primary"))),
        }
    }
}

/// Opens a connection on which an answer may take as long as this.
///
/// # Errors
/// Returns the error of the server or of the connection.
pub(super) async fn connect(
    client: &Client,
    answer_timeout: Duration,
) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(answer_timeout));
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

/// Returns where a server is.
pub(super) fn addr(client: &Client) -> &ConnectionAddr {
    client.get_connection_info().addr()
}

/// Returns what a server says of itself.
async fn info(client: &Client) -> RedisResult<InfoDict> {
    let asked = async {
        let mut connection = connect(client, ANSWER_TIMEOUT).await?;
        redis::cmd("INFO").query_async(&mut connection).await
    };
    asked.await.map_err(|error| about(client, &error))
}

/// Asks a Sentinel for the primary of this name.
async fn ask_sentinel(sentinel: &Client, name: &str) -> RedisResult<Client> {
    let given = sentinel.get_connection_info();
    // A Sentinel has no databases.
    let settings = given.redis_settings().clone().set_db(0);
    let known = given.clone().set_redis_settings(settings);
    let connected = match connect(&Client::open(known)?, ANSWER_TIMEOUT).await {
        // A Sentinel without a password refuses to be told one.
        Err(error) if error.kind() == ErrorKind::AuthenticationFailed => {
            let settings = RedisConnectionInfo::default();
            let unknown = given.clone().set_redis_settings(settings);
            connect(&Client::open(unknown)?, ANSWER_TIMEOUT).await
        }
        connected => connected,
    };
    let address: Option<(String, u16)> = redis::cmd("SENTINEL")
        .arg("get-master-addr-by-name")
        .arg(name)
        .query_async(&mut connected?)
        .await?;
    match address {
        Some((host, port)) => at(sentinel, host, port),
        None => Err(error(
            "this Sentinel does not watch the primary that redis_sentinel names",
        )),
    }
}

/// Asks a server of a Redis Cluster for the primary that has the keys.
async fn find_owner(client: &Client, keys: &str) -> RedisResult<Client> {
    let mut connection = connect(client, ANSWER_TIMEOUT).await?;
    // A server that is cut off from the others still names itself, but says that it has failed.
    let state: InfoDict = redis::cmd("CLUSTER")
        .arg("INFO")
        .query_async(&mut connection)
        .await?;
    if state.get::<String>("cluster_state").as_deref() != Some("ok") {
        return Err(error("the Redis Cluster is down, as this server sees it"));
    }
    // All keys have the same slot.
    let slot: u64 = redis::cmd("CLUSTER")
        .arg("KEYSLOT")
        .arg(keys)
        .query_async(&mut connection)
        .await?;
    // Each range of slots has its first and its last slot, its primary, and its replicas.
    let ranges: Vec<Vec<Value>> = redis::cmd("CLUSTER")
        .arg("SLOTS")
        .query_async(&mut connection)
        .await?;
    for range in ranges {
        let mut range = range.into_iter();
        let (Some(first), Some(last), Some(primary)) = (range.next(), range.next(), range.next())
        else {
            continue;
        };
        let (first, last): (u64, u64) = (from_redis_value(first)?, from_redis_value(last)?);
        if !(first..=last).contains(&slot) {
            continue;
        }
        let mut primary = from_redis_value::<Vec<Value>>(primary)?.into_iter();
        if let (Some(host), Some(port)) = (primary.next(), primary.next()) {
            let host: Option<String> = from_redis_value(host)?;
            return match host.filter(|host| !host.is_empty()) {
                Some(host) => at(client, host, from_redis_value(port)?),
                // The server does not know by which name it is reached.
                None => Ok(client.clone()),
            };
        }
    }
    Err(error(
        "no server of the Redis Cluster has the slot of the keys",
    ))
}

/// Returns the server at an address that another server has named. It is reached as that one is:
/// with the same user and password, with or without TLS.
fn at(named_by: &Client, host: String, port: u16) -> RedisResult<Client> {
    let info = named_by.get_connection_info().clone();
    let addr = match info.addr().clone() {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure,
            tls_params,
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    Client::open(info.set_addr(addr))
}

/// Returns the server at an address of the settings.
///
/// # Errors
/// Returns what is wrong with the address, as the end of a sentence.
fn client(url: &str, ca: Option<&str>) -> Result<Client, String> {
    let info = url.into_connection_info().map_err(|error| {
        format!(
            "is not one of a Redis ({error}); write redis://USER:PASSWORD@HOST:6379/0, or \
             rediss:// for TLS, with %2F, %40 and %2C for /, @ and , in a password"
        )
    })?;
    let authority = match (info.addr(), ca) {
        (ConnectionAddr::TcpTls { insecure: true, .. }, _) => {
            return Err(
                "ends with #insecure, which this server does not allow; name the authority of the \
                 certificate with redis_ca"
                    .to_owned(),
            );
        }
        (ConnectionAddr::TcpTls { .. }, Some(ca)) => ca,
        _ => return Client::open(info).map_err(|error| format!("cannot be used: {error}")),
    };
    let unusable = || "cannot be used: redis_ca has no certificate in PEM".to_owned();
    if !authority.contains("-----BEGIN CERTIFICATE-----") {
        return Err(unusable());
    }
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: Some(authority.as_bytes().to_vec()),
    };
    Client::build_with_tls(info, certificates).map_err(|_| unusable())
}

fn is_loopback(host: &str) -> bool {
    let is_loopback = |address: IpAddr| address.is_loopback();
    host == "localhost" || host.parse().is_ok_and(is_loopback)
}

/// Returns an error that names the server that it is about.
fn about(client: &Client, error: &RedisError) -> RedisError {
    self::error(&format!("{}: {error}", addr(client)))
}

/// Returns an error with this text.
pub(super) fn error(text: &str) -> RedisError {
    std::io::Error::other(text.to_owned()).into()
}
