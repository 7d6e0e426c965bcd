//! The packets that wait for the next poll of a Socket.IO client.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use channelstream_actors::list::SocketIoForm;
use channelstream_actors::outlet::{Batch, Queue};

use crate::transport::dialect::offset_of;
use crate::transport::read_progress::ReadProgress;
use crate::transport::socket_io::SEPARATOR;

/// The size in bytes from which an answer takes no further packet. The next poll gets the rest.
const LARGE_ANSWER: usize = 64 << 10;

/// The packets that wait for a poll, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox(VecDeque<Waiting>);

#[derive(Debug)]
enum Waiting {
    Packet(String),
    /// A list, which the queue of the outlet has counted.
    List(Batch),
}

/// The parts of an outlet that change when its lists are answered.
pub(super) struct Delivered<'a> {
    pub(super) form: SocketIoForm,
    pub(super) read: &'a mut ReadProgress,
    pub(super) queue: &'a Queue,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has_lists(&self) -> bool {
        let is_list = |waiting: &Waiting| matches!(waiting, Waiting::List(_));
        self.0.iter().any(is_list)
    }

    pub(super) fn push(&mut self, packet: impl Into<String>) {
        self.0.push_back(Waiting::Packet(packet.into()));
    }

    pub(super) fn push_list(&mut self, batch: Batch) {
        self.0.push_back(Waiting::List(batch));
    }

    /// Drops the lists that wait, and keeps the other packets.
    pub(super) fn drop_lists(&mut self, queue: &Queue) {
        self.0.retain(|waiting| match waiting {
            Waiting::List(batch) => {
                queue.remove(batch.list.size());
                false
            }
            Waiting::Packet(_) => true,
        });
    }

    /// Takes out the packets that are not lists.
    pub(super) fn take_packets(&mut self) -> Vec<String> {
        let waiting = std::mem::take(&mut self.0).into_iter();
        waiting
            .filter_map(|waiting| match waiting {
                Waiting::Packet(packet) => Some(packet),
                Waiting::List(_) => None,
            })
            .collect()
    }

    /// Takes out as many packets as fit into an answer. `outlet` is `None` before the client has
    /// connected; then there are no lists.
    pub(super) fn take_answer(&mut self, mut outlet: Option<Delivered<'_>>) -> Bytes {
        let mut first = Bytes::new();
        let mut answer = BytesMut::new();
        while first.len() + answer.len() < LARGE_ANSWER
            && let Some(waiting) = self.0.pop_front()
        {
            let packet = match (waiting, &mut outlet) {
                (Waiting::Packet(packet), _) => packet.into(),
                (Waiting::List(batch), Some(outlet)) => {
                    outlet.read.add_sent(&batch);
                    outlet.queue.remove(batch.list.size());
                    (batch.list).socket_io_packet(outlet.form, || offset_of(&batch))
                }
                (Waiting::List(_), None) => continue,
            };
            // A single packet is shared with other clients, and not copied.
            if first.is_empty() && answer.is_empty() {
                first = packet;
                continue;
            }
            if answer.is_empty() {
                answer.extend_from_slice(&std::mem::take(&mut first));
            }
            answer.put_u8(SEPARATOR);
            answer.extend_from_slice(&packet);
        }
        if self.0.is_empty() {
            // An idle session keeps no memory here.
            self.0 = VecDeque::new();
        }
        if first.is_empty() {
            answer.freeze()
        } else {
            first
        }
    }
}
