//! Clients with the smallest receive buffers that the kernel allows, and with full control of their
//! sockets.

use socket2::{Domain, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::server::Server;

/// Opens a connection with the smallest receive buffer that the kernel gives.
pub(crate) fn narrow(server: &Server) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(1024).unwrap();
    let address: std::net::SocketAddr = server.address.parse().unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket.into()).unwrap()
}

/// Opens a websocket that has sent its handshake and reads nothing.
pub(crate) async fn silent_websocket(server: &Server, conn_id: &str) -> TcpStream {
    let upgrade = format!(
        "GET /ws?conn_id={conn_id} HTTP/1.1\r\nHost: x\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut stream = narrow(server);
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    stream
}

/// Opens an event stream that has sent its request and reads nothing.
pub(crate) async fn silent_event_stream(server: &Server, conn_id: &str) -> TcpStream {
    let mut stream = narrow(server);
    stream
        .write_all(format!("GET /sse?conn_id={conn_id} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
        .await
        .unwrap();
    stream
}
