//! The servers that can be measured, and their ways to subscribe and to publish.
//!
//! A subscriber is always an open websocket, so that the comparison is the same for all servers.

mod publisher;

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use channelstream::signature::Signer;
use clap::ValueEnum;
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use uuid::Uuid;

use crate::frames::{Opcode, to_server};
use crate::http::Http;

pub(crate) use publisher::{Publisher, PublisherPool};

/// The kind of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// This server.
    Channelstream,
    /// This server, with clients of Socket.IO.
    SocketIo,
    /// nginx with nchan: publisher at `/pub/NAME`, websocket subscriber at `/sub/NAME`.
    Nchan,
    /// NATS: subscribers use its websocket listener, and publishers its own protocol over one
    /// connection.
    Nats,
    /// The server of `channelstream-bench limit`, which only writes.
    Limit,
}

impl Kind {
    /// Returns whether the server answers each publication.
    pub(crate) fn answers(self) -> bool {
        self.is_ours() || self == Self::Nchan
    }

    /// Returns whether it is this server.
    fn is_ours(self) -> bool {
        matches!(self, Self::Channelstream | Self::SocketIo)
    }
}

/// A server under load.
#[derive(Clone)]
pub(crate) struct Target {
    kind: Kind,
    /// The address for HTTP and websockets.
    address: SocketAddr,
    /// The addresses of all nodes of a cluster, or only `address`.
    nodes: Vec<SocketAddr>,
    /// The address at which NATS takes publications.
    publish_address: SocketAddr,
    signer: Signer,
    /// A text in all names, which keeps runs on the same server apart.
    run: String,
}

/// An open websocket, and the bytes of it that were already read.
pub(crate) struct WebSocket {
    /// The stream of the websocket.
    pub(crate) stream: TcpStream,
    /// The bytes that were already read.
    pub(crate) read: Vec<u8>,
}

/// A subscriber whose websocket is open.
pub(crate) struct OpenSubscriber {
    /// What the subscriber was to be.
    pub(crate) spec: SubscriberSpec,
    /// The id of its connection.
    pub(crate) conn_id: Uuid,
    /// Its websocket.
    pub(crate) socket: WebSocket,
}

/// The description of a subscriber to connect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubscriberSpec {
    /// The number of the channel.
    pub(crate) channel: usize,
    /// The number of the subscriber, over all channels.
    pub(crate) subscriber: usize,
    /// Whether the client has as small a buffer as possible, for a client that will not read.
    pub(crate) has_small_buffer: bool,
}

impl Target {
    /// Returns a server of this kind. Only NATS uses `publish_address`.
    pub(crate) fn new(
        kind: Kind,
        address: SocketAddr,
        publish_address: Option<SocketAddr>,
        secret: &str,
    ) -> Self {
        let mut run = Uuid::new_v4().simple().to_string();
        run.truncate(8);
        let publish_address = publish_address.unwrap_or(address);
        Self {
            kind,
            address,
            nodes: vec![address],
            publish_address,
            signer: Signer::new(secret),
            run,
        }
    }

    /// Returns the cluster of these nodes. The address of the first one is that of this target.
    pub(crate) fn with_other_nodes(mut self, others: &[SocketAddr]) -> Self {
        self.nodes.extend_from_slice(others);
        self
    }

    /// Returns the number of nodes.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Returns a node alone. After the last node comes the first one again.
    pub(crate) fn node(&self, number: usize) -> Self {
        let address = self.nodes.get(number % self.nodes.len());
        let address = address.copied().unwrap_or(self.address);
        Self {
            address,
            nodes: vec![address],
            ..self.clone()
        }
    }

    /// Returns the kind of the server.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the name of a channel.
    pub(crate) fn channel(&self, number: usize) -> String {
        format!("bench-{}-{number}", self.run)
    }

    /// Returns the name of a user.
    pub(crate) fn user(&self, number: usize) -> String {
        format!("bench-{}-{number}", self.run)
    }

    async fn open(&self) -> Result<TcpStream> {
        connect(self.address, false).await
    }

    /// Waits until the server, which was just started, accepts connections.
    pub(crate) fn wait_until_open(&self) -> Result<()> {
        let mut tries = 0;
        while let Err(error) = std::net::TcpStream::connect(self.address)
            .and(std::net::TcpStream::connect(self.publish_address))
        {
            tries += 1;
            if tries > 100 {
                return Err(error)
                    .with_context(|| format!("the server at {} does not start", self.address));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Opens a connection for [`Target::enter`] and other calls.
    pub(crate) async fn backend(&self) -> Result<Http> {
        Ok(Http::over(self.open().await?))
    }

    /// Does what must come before a subscriber can listen. For this server it is the application's
    /// signed call to `/connect`. The other servers have no such step.
    pub(crate) async fn enter(&self, backend: &mut Http, spec: SubscriberSpec) -> Result<Uuid> {
        let conn_id = Uuid::new_v4();
        if self.kind.is_ours() {
            let (channel, user) = (self.channel(spec.channel), self.user(spec.subscriber));
            // Asks for no list of all users, which would grow with each of them.
            let info = r#""info":{"include_users":false,"include_history":false}"#;
            let body = format!(
                r#"{{"username":"{user}","conn_id":"{conn_id}","channels":["{channel}"],{info}}}"#
            );
            let answer = backend
                .call(&self.signed("POST", "/connect", &body))
                .await?;
            let text = String::from_utf8_lossy(&answer.body);
            ensure!(
                answer.status == 200,
                "POST /connect was answered with {}: {text}",
                answer.status
            );
        }
        Ok(conn_id)
    }

    /// Opens the websocket of a subscriber that has entered.
    pub(crate) async fn listen(&self, conn_id: Uuid, spec: SubscriberSpec) -> Result<WebSocket> {
        let stream = connect(self.address, spec.has_small_buffer).await?;
        let path = match self.kind {
            Kind::Channelstream => format!("/ws?conn_id={conn_id}"),
            Kind::SocketIo => "/socket.io/?EIO=4&transport=websocket".to_owned(),
            Kind::Nchan => format!("/sub/{}", self.channel(spec.channel)),
            Kind::Nats | Kind::Limit => "/".to_owned(),
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.address
        );
        let (mut stream, read) = Http::over(stream).upgrade(request.as_bytes()).await?;
        if self.kind == Kind::Nats {
            let commands = format!(
                "CONNECT {{\"verbose\":false}}\r\nSUB {} 1\r\nPING\r\n",
                self.channel(spec.channel)
            );
            stream
                .write_all(&to_server(Opcode::Data, commands.as_bytes()))
                .await?;
        }
        if self.kind == Kind::SocketIo {
            let packet = format!(r#"40{{"conn_id":"{conn_id}"}}"#);
            stream
                .write_all(&to_server(Opcode::Text, packet.as_bytes()))
                .await?;
        }
        Ok(WebSocket { stream, read })
    }

    /// Ends the connection for good, as when a user signs out. For the other servers, only the
    /// socket ends.
    pub(crate) async fn leave(&self, backend: &mut Http, conn_id: Uuid) -> Result<()> {
        if self.kind.is_ours() {
            let request = format!(
                "GET /disconnect?conn_id={conn_id} HTTP/1.1\r\nhost: {}\r\n\r\n",
                self.address
            );
            let answer = backend.call(request.as_bytes()).await?;
            ensure!(
                answer.status == 200,
                "/disconnect was answered with {}",
                answer.status
            );
        }
        Ok(())
    }

    /// Returns the request that publishes a message.
    pub(crate) fn publication(&self, channel: usize, message: &[u8]) -> Result<Vec<u8>> {
        let channel = self.channel(channel);
        let message = str::from_utf8(message).context("a message is text")?;
        let request = match self.kind {
            Kind::Channelstream | Kind::SocketIo => self.signed(
                "POST",
                "/message",
                &format!(r#"[{{"user":"bench","channel":"{channel}","message":{message}}}]"#),
            ),
            Kind::Nchan => {
                let (length, address) = (message.len(), self.address);
                format!(
                    "POST /pub/{channel} HTTP/1.1\r\nhost: {address}\r\n\
                     content-length: {length}\r\n\r\n{message}"
                )
                .into_bytes()
            }
            Kind::Nats | Kind::Limit => {
                format!("PUB {channel} {}\r\n{message}\r\n", message.len()).into_bytes()
            }
        };
        Ok(request)
    }

    /// Returns a signed call.
    pub(crate) fn signed(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let mut request = String::with_capacity(body.len() + 256);
        // Writing to a string cannot fail.
        let _ = write!(
            request,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nx-channelstream-secret: {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            self.signer.sign(path),
            body.len()
        );
        request.into_bytes()
    }
}

/// Opens a socket. The server may still be starting, or may have more sockets to accept than it
/// can. So a refusal is tried again for a while.
async fn connect(address: SocketAddr, has_small_buffer: bool) -> Result<TcpStream> {
    let mut tries = 0;
    loop {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        if has_small_buffer {
            socket.set_recv_buffer_size(4096)?;
        }
        match socket.connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(_) if tries < 50 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => {
                return Err(error).with_context(|| format!("no server answers at {address}"));
            }
        }
    }
}
