//! The servers that can be measured: how one subscribes there, and how one publishes.
//!
//! A subscriber is always an open websocket, so that what is compared is the same for all.

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

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// This one.
    Channelstream,
    /// nginx with nchan: publisher at `/pub/NAME`, websocket subscriber at `/sub/NAME`.
    Nchan,
    /// NATS: subscribers by its websocket listener, publishing by its own protocol over one
    /// connection.
    Nats,
    /// The bare loop of writes of `channelstream-bench limit`.
    Limit,
}

impl Kind {
    /// Whether it answers each publication.
    pub(crate) fn answers(self) -> bool {
        matches!(self, Self::Channelstream | Self::Nchan)
    }
}

/// A server under load.
#[derive(Clone)]
pub(crate) struct Target {
    kind: Kind,
    /// Where it speaks HTTP and websocket.
    address: SocketAddr,
    /// Where NATS takes publications.
    publish_address: SocketAddr,
    signer: Signer,
    /// Keeps runs apart that use the same server.
    run: String,
}

/// An open websocket, and what of it was read already.
pub(crate) struct WebSocket {
    /// The stream.
    pub(crate) stream: TcpStream,
    /// The first bytes.
    pub(crate) read: Vec<u8>,
}

/// Who is to listen where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    /// Number of the channel.
    pub(crate) channel: usize,
    /// Number of the subscriber, over all channels.
    pub(crate) subscriber: usize,
    /// Whether the client takes as little as it can, for one that will not read.
    pub(crate) is_narrow: bool,
}

impl Target {
    /// A server of this kind. `publish_address` matters for NATS only.
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
            publish_address,
            signer: Signer::new(secret),
            run,
        }
    }

    /// Which server it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The name of a channel.
    pub(crate) fn channel(&self, number: usize) -> String {
        format!("bench-{}-{number}", self.run)
    }

    /// The name of a user.
    pub(crate) fn user(&self, number: usize) -> String {
        format!("bench-{}-{number}", self.run)
    }

    async fn open(&self) -> Result<TcpStream> {
        connect(self.address, false).await
    }

    /// Waits until the server, which was just started, takes connections.
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

    /// A connection for [`Target::enter`] and other calls.
    pub(crate) async fn backend(&self) -> Result<Http> {
        Ok(Http::over(self.open().await?))
    }

    /// What comes before a subscriber can listen: here the signed call by which the application
    /// lets it in. The others know none.
    pub(crate) async fn enter(&self, backend: &mut Http, seat: Seat) -> Result<Uuid> {
        let conn_id = Uuid::new_v4();
        if self.kind == Kind::Channelstream {
            let (channel, user) = (self.channel(seat.channel), self.user(seat.subscriber));
            // Without the list of all users, which would grow with each of them.
            let info = r#"{"include_users":false,"include_history":false}"#;
            let body = format!(
                r#"{{"username":"{user}","conn_id":"{conn_id}","channels":["{channel}"],"info":{info}}}"#
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

    /// Opens the websocket of one that has entered.
    pub(crate) async fn listen(&self, conn_id: Uuid, seat: Seat) -> Result<WebSocket> {
        let stream = connect(self.address, seat.is_narrow).await?;
        let path = match self.kind {
            Kind::Channelstream => format!("/ws?conn_id={conn_id}"),
            Kind::Nchan => format!("/sub/{}", self.channel(seat.channel)),
            Kind::Nats | Kind::Limit => "/".to_owned(),
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.address
        );
        let (mut stream, read) = Http::over(stream).upgrade(request.as_bytes()).await?;
        if self.kind == Kind::Nats {
            let commands = format!(
                "CONNECT {{\"verbose\":false}}\r\nSUB {} 1\r\nPING\r\n",
                self.channel(seat.channel)
            );
            stream
                .write_all(&to_server(Opcode::Data, commands.as_bytes()))
                .await?;
        }
        Ok(WebSocket { stream, read })
    }

    /// The connection ends for good, as when a user signs out. The others know only the end of the
    /// socket.
    pub(crate) async fn leave(&self, backend: &mut Http, conn_id: Uuid) -> Result<()> {
        if self.kind == Kind::Channelstream {
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

    /// The request that publishes a message.
    pub(crate) fn publication(&self, channel: usize, message: &[u8]) -> Result<Vec<u8>> {
        let channel = self.channel(channel);
        let message = str::from_utf8(message).context("a message is text")?;
        let request = match self.kind {
            Kind::Channelstream => self.signed(
                "POST",
                "/message",
                &format!(r#"[{{"user":"bench","channel":"{channel}","message":{message}}}]"#),
            ),
            Kind::Nchan => {
                let (length, address) = (message.len(), self.address);
                format!("POST /pub/{channel} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n{message}").into_bytes()
            }
            Kind::Nats | Kind::Limit => {
                format!("PUB {channel} {}\r\n{message}\r\n", message.len()).into_bytes()
            }
        };
        Ok(request)
    }

    /// A signed call.
    pub(crate) fn signed(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let mut request = String::with_capacity(body.len() + 256);
        // A string takes everything.
        let _ = write!(
            request,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nx-channelstream-secret: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            self.signer.sign(path),
            body.len()
        );
        request.into_bytes()
    }
}

/// Opens a socket. The server may still be starting, or have more to accept than it can: a refusal
/// is tried again for a while.
async fn connect(address: SocketAddr, is_narrow: bool) -> Result<TcpStream> {
    let mut tries = 0;
    loop {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        if is_narrow {
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
