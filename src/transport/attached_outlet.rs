//! The part that the actors of all transports share. It attaches to a connection, counts the
//! bytes that wait for the socket, tracks what the client has read, and reports that when it
//! detaches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use actix_web::web::Data;
use channelstream_actors::counters::Counted;
use channelstream_actors::error::NotAttached;
use channelstream_actors::name::ConnId;
use channelstream_actors::outlet::{
    Attachment, AwaitCapacity, Batch, End, LastHeard, Outlet, Queue, Shut,
};
use channelstream_actors::position::Continuity;
use channelstream_actors::request::{RequestId, log_for};
use channelstream_actors::transport::Transport;

use crate::address_table::CountedConnection;
use crate::metrics::transport_ends::{TransportEnd, name_of};
use crate::services::Services;
use crate::settings::Settings;
use crate::transport::listen_request::ListenRequest;
use crate::transport::read_progress::ReadProgress;
use crate::transport::socket_handle::SocketHandle;

/// The shortest time between two reports to a connection of what its client has read.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// An actor that keeps the contract of [`channelstream_actors::outlet`].
pub(super) trait OutletActor:
    Actor<Context = Context<Self>> + Handler<Batch> + Handler<AwaitCapacity> + Handler<Shut>
{
}

impl<A> OutletActor for A where
    A: Actor<Context = Context<A>> + Handler<Batch> + Handler<AwaitCapacity> + Handler<Shut>
{
}

/// The part of an outlet's actor that is the same for all transports.
///
/// If it is dropped before it has detached, the connection learns that the transport has ended, and
/// that it is not known what the client has read.
pub(super) struct AttachedOutlet {
    pub(super) services: Data<Services>,
    transport: Transport,
    conn_id: ConnId,
    /// The id of the request that opened the transport. `None` if transports are not logged.
    request: Option<RequestId>,
    /// The reason for the end of the transport. If it is still `None` at the end, the socket was
    /// lost.
    end: Option<TransportEnd>,
    pub(super) socket: Arc<SocketHandle>,
    /// The count of the bytes that wait for the client. Delivery stops at `queue_bytes`.
    pub(super) queue: Queue,
    /// The time of the client's last sign of life.
    pub(super) last_heard: LastHeard,
    pub(super) read: ReadProgress,
    /// `None` once the outlet has detached.
    attachment: Option<Attachment>,
    /// The time of the last report of what the client has read.
    reported_at: Instant,
    /// The guard that counts the transport as open.
    _listening: Counted,
    /// The guard that counts the client for its address.
    _address_guard: Option<CountedConnection>,
}

impl AttachedOutlet {
    /// Attaches the actor at `address` to the connection that the request names.
    ///
    /// The actor need not run yet. Messages that arrive before it runs wait in its mailbox.
    ///
    /// # Errors
    /// Fails when the connection does not exist, or cannot be served now.
    pub(super) async fn attach<A>(
        transport: Transport,
        request: ListenRequest,
        address: &Addr<A>,
        services: Data<Services>,
    ) -> Result<Self, NotAttached>
    where
        A: OutletActor,
    {
        let ListenRequest {
            conn_id,
            returning,
            socket,
            address_guard,
        } = request;
        let listening = services.broker.counters().listen(transport);
        let queue_bytes = services.settings.queue_bytes;
        let queue = match transport {
            Transport::Websocket | Transport::SocketIo => {
                Queue::of_socket(queue_bytes, socket.clone())
            }
            Transport::EventStream | Transport::LongPoll | Transport::SocketIoPolling => {
                Queue::of_gatherer(queue_bytes)
            }
        };
        let last_heard = LastHeard::default();
        let outlet = Outlet {
            transport,
            batches: address.clone().recipient(),
            capacity: address.clone().recipient(),
            shut: address.clone().recipient(),
            queue: queue.clone(),
            last_heard: last_heard.clone(),
            socket: socket.clone(),
        };
        let attachment = services.broker.attach(conn_id, outlet, returning).await?;
        log::debug!(
            connection:% = conn_id.short(), transport:% = name_of(transport);
            "started listening"
        );
        Ok(Self {
            services,
            transport,
            conn_id,
            request: RequestId::current_if_logged(),
            end: None,
            socket,
            queue,
            last_heard,
            read: ReadProgress::default(),
            attachment: Some(attachment),
            reported_at: Instant::now(),
            _listening: listening,
            _address_guard: address_guard,
        })
    }

    pub(super) fn conn_id(&self) -> ConnId {
        self.conn_id
    }

    /// Returns the continuity of the transport; `None` if the connection or the transport has
    /// ended.
    pub(super) fn continuity(&self) -> Option<Continuity> {
        self.attachment.as_ref()?.continuity()
    }

    /// Waits until the queue has capacity or the socket is gone.
    pub(super) fn wait_for_capacity(&self) -> ResponseFuture<()> {
        let (queue, socket) = (self.queue.clone(), self.socket.clone());
        Box::pin(async move { socket.wait_until(|| queue.has_capacity()).await })
    }

    /// Reports to the connection what the client has read, at most once per [`REPORT_INTERVAL`], if
    /// the store keeps it. After a crash of the server, the client is sent the entries after that.
    pub(super) fn report(&mut self) {
        if !self.services.broker.store().keeps_positions()
            || self.reported_at.elapsed() < REPORT_INTERVAL
        {
            return;
        }
        if let Some(attachment) = &self.attachment {
            self.reported_at = Instant::now();
            attachment.report(self.read.confirmed());
        }
    }

    /// Notes the reason for the end of the transport. Only the first reason counts.
    pub(super) fn note_end(&mut self, end: TransportEnd) {
        self.end.get_or_insert(end);
    }

    /// Detaches from the connection, and reports what the client is known to have read. `end`
    /// contains the other facts about the end; its `report` and `trail` are replaced. Only the
    /// first call has an effect.
    pub(super) fn detach(&mut self, end: End) {
        if let Some(attachment) = self.attachment.take() {
            let report = Some(self.read.confirmed());
            let trail = self.read.trail();
            attachment.end(End {
                report,
                trail,
                ..end
            });
        }
    }
}

/// Creates the context of an outlet's actor that is attached before it runs. What the client has
/// missed may come before that too, so the mailbox has its bound from the beginning.
pub(super) fn outlet_context<A: OutletActor>(settings: &Settings) -> Context<A> {
    let mut context = Context::new();
    limit_mailbox(&mut context, settings);
    context
}

/// Bounds the mailbox of an outlet's actor by the setting `queue_frames`.
pub(super) fn limit_mailbox(context: &mut Context<impl OutletActor>, settings: &Settings) {
    context.set_mailbox_capacity(settings.queue_frames.max(1));
}

impl Drop for AttachedOutlet {
    fn drop(&mut self) {
        let end = self.end.unwrap_or(TransportEnd::Lost);
        self.services
            .metrics
            .transport_ends
            .add(self.transport, end);
        log_for(self.request.as_ref(), || {
            log::debug!(
                connection:% = self.conn_id.short(), transport:% = name_of(self.transport),
                reason = end.name();
                "stopped listening"
            );
        });
    }
}
