//! A proxy that imitates a long distance: everything arrives later, in its order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// The size in bytes of the largest piece that is carried at once.
const PIECE: usize = 16 << 10;
/// The largest number of pieces that are on their way at the same time.
const PIECES: usize = 4096;

/// A proxy that delays each byte, and the end of each stream, by the same time in both directions.
pub(crate) struct SlowProxy {
    pub(crate) address: String,
    cuts: watch::Sender<()>,
}

/// An item that is on its way.
enum Segment {
    Bytes(Vec<u8>),
    /// The sender has closed its direction (FIN).
    End,
    /// The sender has reset the connection (RST).
    Reset,
}

impl SlowProxy {
    /// Listens on a free port and carries every connection to this server.
    pub(crate) async fn to(server: &str, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = server.to_owned();
        let (cuts, cut) = watch::channel(());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, mut cut) = (server.clone(), cut.clone());
                cut.mark_unchanged();
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        carry(client, server, delay, cut).await;
                    }
                });
            }
        });
        Self { address, cuts }
    }

    /// Resets all connections. What is on its way is lost.
    pub(crate) fn cut(&self) {
        self.cuts.send_replace(());
    }
}

/// Carries both directions until both have ended, either side has reset the connection, or the
/// proxy cuts it.
async fn carry(
    client: TcpStream,
    server: TcpStream,
    delay: Duration,
    mut cut: watch::Receiver<()>,
) {
    let (client, server) = (Arc::new(client), Arc::new(server));
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let both = async {
        tokio::try_join!(pass(&client, &server, delay), pass(&server, &client, delay)).is_ok()
    };
    let is_orderly = tokio::select! {
        is_orderly = both => is_orderly,
        // After an error nobody can cut it any more.
        Ok(()) = cut.changed() => false,
    };
    if !is_orderly {
        // Closing with this option set sends a reset.
        for stream in [&client, &server] {
            let _ = SockRef::from(&**stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Carries one direction. Returns an error when the other side must be reset.
async fn pass(from: &TcpStream, to: &TcpStream, delay: Duration) -> io::Result<()> {
    let (departures, mut arrivals) = mpsc::channel(PIECES);
    let depart = async {
        loop {
            let segment = match read(from).await {
                Ok(bytes) if bytes.is_empty() => Segment::End,
                Ok(bytes) => Segment::Bytes(bytes),
                Err(_) => Segment::Reset,
            };
            let is_last = !matches!(segment, Segment::Bytes(_));
            if departures
                .send((Instant::now() + delay, segment))
                .await
                .is_err()
                || is_last
            {
                return Ok(());
            }
        }
    };
    let arrive = async {
        while let Some((at, segment)) = arrivals.recv().await {
            sleep_until(at).await;
            match segment {
                Segment::Bytes(bytes) => {
                    if let Err(error) = write(to, &bytes).await {
                        // The reset travels back with the same delay.
                        sleep(delay).await;
                        return Err(error);
                    }
                }
                Segment::End => return SockRef::from(to).shutdown(std::net::Shutdown::Write),
                Segment::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
            }
        }
        Ok(())
    };
    tokio::try_join!(depart, arrive).map(drop)
}

async fn read(from: &TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; PIECE];
    loop {
        from.readable().await?;
        match from.try_read(&mut bytes) {
            Ok(length) => {
                bytes.truncate(length);
                return Ok(bytes);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn write(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
