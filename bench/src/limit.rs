//! The server `limit`, which shows what the kernel allows. It only writes the frame of each message
//! to each socket, in a loop. With `merge`, everything that waits for a socket goes out in one
//! write.
//!
//! It takes publications as NATS does (`PUB NAME LENGTH`, then the message), over any connection.
//! Names have no effect.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use anyhow::{Context, Result};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::frames::to_client;

const LISTENER: Token = Token(usize::MAX);

/// The role of a connection, which its first bytes show.
enum Role {
    /// The role is not known yet.
    New,
    Publisher,
    Subscriber,
}

struct Connection {
    stream: TcpStream,
    role: Role,
    /// Bytes that were read and not yet parsed.
    input: Vec<u8>,
    /// Bytes that the socket has not taken yet.
    output: Vec<u8>,
}

/// Serves until the process ends.
pub(crate) fn serve(address: SocketAddr, merge: bool) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut listener =
        TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    eprintln!(
        "serving on http://{}, merge: {merge}",
        listener.local_addr()?
    );
    let mut events = Events::with_capacity(1024);
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut frames: Vec<Vec<u8>> = Vec::new();
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut connections)?;
            } else if let Some(slot) = connections.get_mut(event.token().0)
                && let Some(connection) = slot
            {
                let is_open =
                    connection.write(&[]) && (!event.is_readable() || connection.read(&mut frames));
                if !is_open {
                    *slot = None;
                }
            }
        }
        if merge {
            let all = frames.concat();
            frames.clear();
            if !all.is_empty() {
                frames.push(all);
            }
        }
        for frame in frames.drain(..) {
            for slot in &mut connections {
                if let Some(connection) = slot
                    && matches!(connection.role, Role::Subscriber)
                    && !connection.write(&frame)
                {
                    *slot = None;
                }
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &Poll,
    connections: &mut Vec<Option<Connection>>,
) -> Result<()> {
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.set_nodelay(true)?;
                poll.registry().register(
                    &mut stream,
                    Token(connections.len()),
                    Interest::READABLE | Interest::WRITABLE,
                )?;
                connections.push(Some(Connection {
                    stream,
                    role: Role::New,
                    input: Vec::new(),
                    output: Vec::new(),
                }));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("accepting"),
        }
    }
}

impl Connection {
    /// Reads all bytes that have arrived. Returns false at the end of the stream.
    fn read(&mut self, frames: &mut Vec<Vec<u8>>) -> bool {
        let mut buffer = [0; 16 << 10];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(read) => self
                    .input
                    .extend_from_slice(buffer.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        if matches!(self.role, Role::New) {
            if self.input.starts_with(b"GET ") && self.input.ends_with(b"\r\n\r\n") {
                self.role = Role::Subscriber;
                return self.write(
                    b"HTTP/1.1 101 Switching Protocols\r\n\
                      upgrade: websocket\r\nconnection: Upgrade\r\n\r\n",
                );
            }
            if self.input.starts_with(b"CONNECT") {
                self.role = Role::Publisher;
            }
        }
        match self.role {
            Role::Publisher => self.take_publications(frames),
            // Ignores pongs and other frames of clients.
            Role::Subscriber => self.input.clear(),
            Role::New => {}
        }
        true
    }

    fn take_publications(&mut self, frames: &mut Vec<Vec<u8>>) {
        let mut at = 0;
        while let Some(end) = self
            .input
            .iter()
            .skip(at)
            .position(|byte| *byte == b'\n')
            .map(|length| at + length + 1)
        {
            let line = self
                .input
                .get(at..end)
                .and_then(|line| str::from_utf8(line).ok())
                .unwrap_or_default();
            let Some(publication) = line.strip_prefix("PUB ") else {
                at = end;
                continue;
            };
            let length: usize = publication
                .rsplit(' ')
                .next()
                .and_then(|length| length.trim().parse().ok())
                .unwrap_or_default();
            let Some(message) = self.input.get(end..end + length + 2) else {
                break;
            };
            frames.push(to_client(message.get(..length).unwrap_or_default()));
            at = end + length + 2;
        }
        self.input.drain(..at);
    }

    /// Writes the bytes after those that wait. Returns false if the socket is closed.
    fn write(&mut self, bytes: &[u8]) -> bool {
        let is_waiting = !self.output.is_empty();
        if is_waiting {
            self.output.extend_from_slice(bytes);
        }
        let mut written = 0;
        loop {
            let rest = if is_waiting { &self.output } else { bytes }
                .get(written..)
                .unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            match self.stream.write(rest) {
                Ok(taken) => written += taken,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        if is_waiting {
            self.output.drain(..written);
        } else {
            self.output
                .extend_from_slice(bytes.get(written..).unwrap_or_default());
        }
        true
    }
}
