//! The state that a stream and the requests on it share.
//!
//! The stream counts bytes but knows nothing of requests, and the requests know nothing of bytes.
//! Only together can they tell three kinds of clients apart: a client between two requests, a
//! client that has begun a head and does not continue, and a client that still sends a body that no
//! handler reads.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use actix_http::{Request, RequestHead};
use actix_service::Service;
use actix_web::HttpRequest;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::header;
use bytes::Bytes;
use channelstream_actors::limits::LimitKind;
use futures_util::task::AtomicWaker;

use crate::accepting::FirstRequest;
use crate::client_limits::OpenSocket;

/// The value that stands for the unknown length of a chunked body.
const UNKNOWN: u64 = u64::MAX;

/// The state that a stream shares with the requests on it. One thread serves both, so the atomics
/// here need no ordering between threads.
#[derive(Debug, Default)]
pub struct Exchange {
    /// The first request of the stream, which a stop of the server waits for. `None` for a request
    /// that has no stream.
    first_request: Option<FirstRequest>,
    /// The guard that counts the socket as open.
    socket: Option<OpenSocket>,
    /// The number of requests that have begun.
    begun: AtomicU64,
    /// Whether a request has begun whose answer has not ended.
    is_busy: AtomicBool,
    /// The length of the body that the latest head announced, in bytes.
    announced: AtomicU64,
    /// The number of bytes that were read after the end of the latest head.
    bytes_after_head: AtomicU64,
    /// Whether the latest body was read to its end.
    body_has_ended: AtomicBool,
    /// Whether the reading has ended.
    reading_has_ended: AtomicBool,
    /// The task that reads the stream.
    waker: AtomicWaker,
}

impl Exchange {
    /// Creates the state of a stream that was just accepted.
    pub fn new(first_request: FirstRequest, socket: OpenSocket) -> Self {
        Self {
            first_request: Some(first_request),
            socket: Some(socket),
            ..Self::default()
        }
    }

    /// Returns the limit that the socket of a request exceeds, if any.
    pub fn exceeded_limit(request: &HttpRequest) -> Option<LimitKind> {
        let exchange = request.conn_data::<Arc<Self>>()?;
        exchange.socket.as_ref()?.exceeded_limit()
    }

    /// Notes that a request begins. Its head is complete.
    pub fn begin(&self, head: &RequestHead) {
        let header = |name| {
            head.headers()
                .get(name)
                .and_then(|value: &header::HeaderValue| value.to_str().ok())
        };
        let announced = match header(header::TRANSFER_ENCODING) {
            Some(_) => UNKNOWN,
            None => header(header::CONTENT_LENGTH)
                .and_then(|length| length.trim().parse().ok())
                .unwrap_or(0),
        };
        self.announced.store(announced, Relaxed);
        self.body_has_ended.store(false, Relaxed);
        self.is_busy.store(true, Relaxed);
        self.begun.fetch_add(1, Relaxed);
        if let Some(first_request) = &self.first_request {
            first_request.note();
        }
    }

    /// Notes that the answer has ended.
    fn end(&self) {
        self.is_busy.store(false, Relaxed);
        // The stream must set a deadline for the rest of the body, or for the next head.
        if self.has_pending_input() {
            self.waker.wake();
        }
    }

    /// Notes that the body was read to its end.
    pub fn end_body(&self) {
        self.body_has_ended.store(true, Relaxed);
    }

    /// Ends the reading. The stream is closed once the answer has ended.
    pub fn stop_reading(&self) {
        self.reading_has_ended.store(true, Relaxed);
        self.waker.wake();
    }

    /// Registers the task of `context`, which is woken when the stream must check this state.
    pub fn register(&self, context: &Context<'_>) {
        self.waker.register(context.waker());
    }

    /// Forgets the registered task. A waker keeps the memory of its task allocated, even after the
    /// task has ended.
    pub fn release(&self) {
        drop(self.waker.take());
    }

    /// Returns the number of requests that have begun.
    pub fn begun(&self) -> u64 {
        self.begun.load(Relaxed)
    }

    /// Returns whether a request has begun whose answer has not ended.
    pub fn is_busy(&self) -> bool {
        self.is_busy.load(Relaxed)
    }

    /// Returns whether the reading has ended.
    pub fn has_reading_ended(&self) -> bool {
        self.reading_has_ended.load(Relaxed)
    }

    /// Returns whether the client has not sent its whole chunked body, or has already sent a part
    /// of its next head.
    pub fn has_pending_input(&self) -> bool {
        match self.announced.load(Relaxed) {
            UNKNOWN => !self.body_has_ended.load(Relaxed),
            announced => self.bytes_after_head.load(Relaxed) > announced,
        }
    }

    /// Counts bytes that were read after the end of the latest head.
    pub fn add_bytes_after_head(&self, bytes: usize) {
        self.bytes_after_head.fetch_add(bytes as u64, Relaxed);
    }

    /// Notes that the first bytes of a new head were read.
    pub fn begin_head(&self) {
        self.bytes_after_head.store(0, Relaxed);
    }
}

/// Passes a request to `app`, and notes in the request's [`Exchange`] when the request begins and
/// when its answer has ended.
pub fn watch<S>(
    request: Request,
    app: &S,
) -> impl Future<Output = Result<ServiceResponse<WatchedBody>, S::Error>> + use<S>
where
    S: Service<Request, Response = ServiceResponse>,
{
    let exchange = request
        .conn_data::<Arc<Exchange>>()
        .cloned()
        .unwrap_or_default();
    exchange.begin(request.head());
    let guard = AnswerGuard(exchange);
    let answer = app.call(request);
    async move {
        let answer = answer.await?;
        Ok(answer.map_body(|_, body| WatchedBody {
            body,
            _guard: guard,
        }))
    }
}

/// A guard that notes the end of the answer in the [`Exchange`] when it is dropped.
struct AnswerGuard(Arc<Exchange>);

impl Drop for AnswerGuard {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The body of an answer. It is dropped once it was passed to the socket, or once that is no longer
/// possible.
pub struct WatchedBody {
    body: BoxBody,
    _guard: AnswerGuard,
}

impl MessageBody for WatchedBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
