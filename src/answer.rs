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

/// JSON that is sent as it is.
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

/// An answer that may be large, such as one that shows the histories of many channels. It is encoded
/// piece by piece, as long as there is memory for it (`memory_limit`), and counts as memory until its
/// client has taken it.
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
        held: Services::of(request)?.broker.memory().pass(),
        refused: None,
    };
    match serde_json::to_writer(&mut pieces, value) {
        Ok(()) => {
            pieces.size += pieces.last.len();
            Ok(pieces)
        }
        Err(_) => Err(match pieces.refused {
            Some(refused) => ApiError::AnswerRefused(refused),
            None => ApiError::Internal("an answer that is no JSON"),
        }),
    }
}

/// The size at which a piece is full, in bytes. An answer that is no larger is not counted.
const PIECE: usize = 64 << 10;

/// A text in pieces, which are given up one after the other.
struct Pieces {
    full: VecDeque<Bytes>,
    last: Vec<u8>,
    /// How many bytes the full pieces have; all that are left, once it is complete.
    size: usize,
    held: HeldBytes,
    /// Why no more is taken.
    refused: Option<Refused>,
}

impl Pieces {
    /// Takes as much as the last piece has room for, after it has begun a new one if that is full.
    /// Returns how much that was.
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
        // Most writes are of some bytes, and fit.
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
            // It shrinks, so there is room for it.
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
