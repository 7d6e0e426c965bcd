//! Answers whose JSON is encoded before they are sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::{HttpRequest, HttpResponse, Responder};
use bytes::Bytes;
use bytestring::ByteString;
use channelstream_actors::error::Refused;
use channelstream_actors::memory::HeldBytes;
use serde::Serialize;

use crate::error::ApiError;
use crate::services::Services;

/// An answer whose JSON is encoded already. It is sent unchanged.
#[derive(Debug)]
pub struct JsonText(pub ByteString);

impl Responder for JsonText {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .content_type("application/json")
            .body(self.0.into_bytes())
    }
}

/// An answer that may be large, such as the histories of many channels. It is encoded piece by
/// piece as long as there is memory for it (`memory_limit`). It counts as memory until its client
/// has taken it.
#[derive(Debug)]
pub struct LargeJson<T>(pub T);

impl<T: Serialize> Responder for LargeJson<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        match encode(&self.0, request) {
            Ok(pieces) => HttpResponse::Ok()
                .content_type("application/json")
                .body(pieces),
            Err(error) => HttpResponse::from_error(error),
        }
    }
}

fn encode(value: &impl Serialize, request: &HttpRequest) -> Result<Pieces, ApiError> {
    let mut pieces = Pieces {
        full: VecDeque::new(),
        last: Vec::new(),
        size: 0,
        held: Services::of(request)?.broker.memory().hold_passing(),
        refused: None,
    };
    match serde_json::to_writer(&mut pieces, value) {
        Ok(()) => {
            pieces.size += pieces.last.len();
            Ok(pieces)
        }
        Err(_) => Err(match pieces.refused {
            Some(refused) => ApiError::AnswerRefused(refused),
            None => ApiError::Internal("an answer could not be encoded"),
        }),
    }
}

/// The size of a full piece, in bytes. An answer that fits into one piece does not count as memory.
const PIECE: usize = 64 << 10;

/// A text in pieces, which are sent one after the other.
struct Pieces {
    full: VecDeque<Bytes>,
    last: Vec<u8>,
    /// The number of bytes in the full pieces. Once the text is complete, the number of all bytes
    /// that are left to send.
    size: usize,
    held: HeldBytes,
    /// The reason why no more bytes are taken, if there is one.
    refused: Option<Refused>,
}

impl Pieces {
    /// Takes as many bytes as the last piece has room for, and returns their number. If the last
    /// piece is full, begins a new one first.
    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.last.len() == PIECE {
            self.size += PIECE;
            if let Err(refused) = self.held.try_set(self.size + PIECE) {
                self.refused = Some(refused);
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            let full = std::mem::replace(&mut self.last, Vec::with_capacity(PIECE));
            self.full.push_back(full.into());
        }
        let room = PIECE - self.last.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.last.extend_from_slice(taken);
        Ok(taken.len())
    }
}

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes)
    }

    #[inline]
    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        // Most writes have only a few bytes and fit into the last piece.
        if self.last.len() + bytes.len() <= PIECE {
            self.last.extend_from_slice(bytes);
            return Ok(());
        }
        while !bytes.is_empty() {
            let taken = self.take(bytes)?;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let last = |pieces: &mut Self| Some(Bytes::from(std::mem::take(&mut pieces.last)));
        let next = self.full.pop_front().or_else(|| last(&mut self));
        let piece = next.filter(|piece| !piece.is_empty());
        if let Some(piece) = &piece {
            self.size -= piece.len();
            let left = self.size;
            // Cannot fail: the number of held bytes becomes smaller.
            self.held.try_set(left).ok();
        }
        Poll::Ready(piece.map(Ok))
    }

    fn try_into_bytes(mut self) -> Result<Bytes, Self> {
        if self.full.is_empty() {
            Ok(Bytes::from(std::mem::take(&mut self.last)))
        } else {
            Err(self)
        }
    }
}
