//! A proxy between client and server whose connections can be cut.

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

pub(crate) struct Proxy {
    pub(crate) address: String,
    cut: broadcast::Sender<()>,
}

impl Proxy {
    /// Starts a proxy to this server.
    pub(crate) async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (cut, server) = (broadcast::Sender::new(1), server.to_owned());
        let cuts = cut.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (mut cut, server) = (cuts.subscribe(), server.clone());
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(server).await else {
                        return;
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = cut.recv() => {}
                    }
                });
            }
        });
        Self { address, cut }
    }

    /// Breaks off all present connections.
    pub(crate) fn cut(&self) {
        let _ = self.cut.send(());
    }
}
