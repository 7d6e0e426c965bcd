//! What a stream and the requests on it tell each other. The stream counts bytes and knows no
//! requests; the requests know no bytes. Together they tell a client that is between two requests
//! from one that has begun a head and does not go on, and from one that still sends a body that
//! nobody wants.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use actix_http::{Request, RequestHead};
use actix_service::Service;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::header;
use bytes::Bytes;
use futures_util::task::AtomicWaker;

/// The length of a body in chunks.
const UNKNOWN: u64 = u64::MAX;

/// The state that a stream shares with the requests on it. One thread serves both.
#[derive(Debug, Default)]
pub struct Exchange {
    /// How many requests have begun.
    begun: AtomicU64,
    /// Whether a request has begun whose answer has not ended.
    is_busy: AtomicBool,
    /// The length of the body that the latest head announced, in bytes.
    announced: AtomicU64,
    /// How many bytes were read behind the end of the latest head.
    behind_head: AtomicU64,
    /// Whether the latest body was read to its end.
    body_has_ended: AtomicBool,
    /// Whether nothing more is to be read.
    is_over: AtomicBool,
    waker: AtomicWaker,
}

impl Exchange {
    /// A request begins: its head is complete.
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
    }

    /// The answer has ended.
    fn end(&self) {
        self.is_busy.store(false, Relaxed);
        // The stream shall not wait for more of it without a deadline.
        if self.has_rest() {
            self.waker.wake();
        }
    }

    /// The body was read to its end.
    pub fn end_body(&self) {
        self.body_has_ended.store(true, Relaxed);
    }

    /// Nothing more is read: once the answer has ended, the stream is closed.
    pub fn stop_reading(&self) {
        self.is_over.store(true, Relaxed);
        self.waker.wake();
    }

    /// Wakes the stream's task when there is something to look at.
    pub fn register(&self, context: &Context<'_>) {
        self.waker.register(context.waker());
    }

    /// Wakes nobody any more. A waker keeps the memory of its task, even of one that has ended.
    pub fn release(&self) {
        drop(self.waker.take());
    }

    /// How many requests have begun.
    pub fn begun(&self) -> u64 {
        self.begun.load(Relaxed)
    }

    /// Whether a request is under way.
    pub fn is_busy(&self) -> bool {
        self.is_busy.load(Relaxed)
    }

    /// Whether nothing more is to be read.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }

    /// Whether the client owes the rest of a body, or has sent a part of its next head already.
    pub fn has_rest(&self) -> bool {
        match self.announced.load(Relaxed) {
            UNKNOWN => !self.body_has_ended.load(Relaxed),
            announced => self.behind_head.load(Relaxed) > announced,
        }
    }

    /// Bytes were read behind the end of the latest head.
    pub fn add_behind_head(&self, bytes: usize) {
        self.behind_head.fetch_add(bytes as u64, Relaxed);
    }

    /// The first bytes of a new head were read.
    pub fn begin_head(&self) {
        self.behind_head.store(0, Relaxed);
    }
}

/// Lets `app` answer a request, and tells the request's stream when it begins and when its answer
/// has ended.
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
    let under_way = UnderWay(exchange);
    let answer = app.call(request);
    async move {
        let answer = answer.await?;
        Ok(answer.map_body(|_, body| WatchedBody {
            body,
            _under_way: under_way,
        }))
    }
}

struct UnderWay(Arc<Exchange>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The body of an answer. It is dropped when it was handed to the socket, or will never be.
pub struct WatchedBody {
    body: BoxBody,
    _under_way: UnderWay,
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
