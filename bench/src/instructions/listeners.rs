//! Websockets that listen to a channel and are read one after the other.
//!
//! They answer no pings. The server has only one ping open at a time, so it sends no second one,
//! and the count does not depend on the time between two messages.

use anyhow::{Result, ensure};
use tokio::io::AsyncReadExt;

use crate::audience;
use crate::frames::{Opcode, split};
use crate::progress::Progress;
use crate::stamp::{Stamp, StampFinder};
use crate::target::{Publisher, PublisherPool, SubscriberSpec, Target, WebSocket};

/// The size of a message in bytes, without the server's envelope.
const SIZE: usize = 200;

/// The difference between the number of a channel and the number of its listeners.
const FIRST_CHANNEL: usize = 1000;

/// All listeners of a channel, and the publisher.
pub(super) struct Listeners {
    sockets: Vec<WebSocket>,
    publisher: Publisher,
    channel: usize,
    finder: StampFinder,
    /// The number of the next message.
    number: u32,
}

impl Listeners {
    /// Opens this many websockets.
    pub(super) async fn open(target: &Target, count: u32) -> Result<Self> {
        let channel = FIRST_CHANNEL + usize::try_from(count)?;
        let specs = (0..usize::try_from(count)?).map(|subscriber| SubscriberSpec {
            channel,
            subscriber: channel * FIRST_CHANNEL + subscriber,
            has_small_buffer: false,
        });
        let progress = Progress::new("instructions");
        let open = audience::open(target, specs.collect(), &progress).await?;
        Ok(Self {
            sockets: open.into_iter().map(|it| it.socket).collect(),
            publisher: PublisherPool::new(target).await?.publisher().await?,
            channel,
            finder: StampFinder::default(),
            number: 0,
        })
    }

    /// Publishes a message, and waits until all websockets have received it.
    pub(super) async fn publish(&mut self) -> Result<()> {
        let stamp = Stamp {
            slot: 0,
            number: self.number,
            micros: 0,
        };
        self.number += 1;
        let mut message = Vec::new();
        stamp.write(SIZE, &mut message);
        self.publisher.publish(self.channel, &message).await?;
        for socket in &mut self.sockets {
            receive(socket, stamp, &self.finder).await?;
        }
        Ok(())
    }
}

/// Reads until this message has arrived.
async fn receive(socket: &mut WebSocket, stamp: Stamp, finder: &StampFinder) -> Result<()> {
    loop {
        let mut rest = socket.read.as_slice();
        let mut has_arrived = false;
        while let Some(frame) = split(&mut rest) {
            ensure!(
                frame.opcode != Opcode::Close,
                "the server closed a websocket that listened"
            );
            has_arrived |= finder.find(frame.payload).any(|found| found == stamp);
        }
        socket.read = rest.to_vec();
        if has_arrived {
            return Ok(());
        }
        let read = socket.stream.read_buf(&mut socket.read).await?;
        ensure!(read > 0, "a websocket that listened has ended");
    }
}
