//! From a request to a websocket. The application answers the request like any other, through all
//! its middleware; if the answer carries a [`Takeover`], the stream goes to the websocket's actor,
//! and everything that served HTTP on it is freed: its state and its two buffers of 8 KB, more than
//! all the rest of an idle websocket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_codec::{Encoder, Framed};
use actix_http::body::{BodySize, BoxBody, MessageBody, to_bytes};
use actix_http::h1::{Codec, Message};
use actix_http::{ConnectionType, HttpMessage, Request, Response};
use actix_service::Service;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::exchange::Exchange;
use crate::transport::handshake::Takeover;
use crate::transport::watched_stream::WatchedStream;

/// Marks a request whose stream was taken from the HTTP server: it has no body, and nobody notices
/// when its client goes. actix-http does so with every request that has `Upgrade: websocket`, and
/// with `CONNECT`.
#[derive(Clone, Copy, Debug)]
pub struct Upgrading;

/// How long what a refused client still sends is read and thrown away. A socket that is closed over
/// unread bytes is reset, and the client would not read the answer.
pub const LINGER: Duration = Duration::from_secs(2);

/// Answers a request that asks for a websocket.
///
/// # Errors
/// When the stream breaks.
pub async fn answer<S, B>(
    app: &S,
    request: Request,
    framed: Framed<WatchedStream, Codec>,
) -> io::Result<()>
where
    S: Service<Request>,
    S::Response: Into<Response<B>>,
    S::Error: Into<Response<BoxBody>>,
    B: MessageBody + 'static,
{
    if let Some(exchange) = request.conn_data::<Arc<Exchange>>() {
        // Until the end of the stream: no head follows on it.
        exchange.begin(request.head());
    }
    request.extensions_mut().insert(Upgrading);
    let mut response = match app.call(request).await {
        Ok(response) => response.into().map_into_boxed_body(),
        Err(error) => error.into(),
    };
    let mut parts = framed.into_parts();
    let mut answer = parts.write_buf;
    let takeover = response.extensions_mut().remove::<Takeover>();
    if let Some(takeover) = takeover {
        parts.codec.encode(
            Message::Item((response.drop_body(), BodySize::None)),
            &mut answer,
        )?;
        parts.io.write_all(&answer).await?;
        takeover.begin(parts.io, &parts.read_buf).await
    } else {
        response
            .head_mut()
            .set_connection_type(ConnectionType::Close);
        let mut body = BoxBody::new(());
        let response = response.map_body(|_, answer| body = answer);
        let body = to_bytes(body)
            .await
            .map_err(|_| io::ErrorKind::InvalidData)?;
        parts.codec.encode(
            Message::Item((response, BodySize::Sized(body.len() as u64))),
            &mut answer,
        )?;
        parts
            .codec
            .encode(Message::Chunk(Some(body)), &mut answer)?;
        parts.codec.encode(Message::Chunk(None), &mut answer)?;
        parts.io.write_all(&answer).await?;
        linger(&mut parts.io).await
    }
}

/// Ends a stream so that its client can read what was written: reads on for a while, and keeps
/// nothing.
pub(super) async fn linger(stream: &mut WatchedStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut bytes = [0; 1024];
    let rest = async { while matches!(stream.read(&mut bytes).await, Ok(1..)) {} };
    // A client that sends too much, or for too long, is cut off.
    let _ = timeout(LINGER, rest).await;
    Ok(())
}
