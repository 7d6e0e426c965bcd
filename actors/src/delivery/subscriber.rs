//! A connection's place in a log.

use std::sync::Arc;

use actix::prelude::*;

use crate::core::cursor::{Cursor, Generation};
use crate::name::{ConnId, UserName};
use crate::outlet::{AwaitCapacity, Outlet};

/// A connection's place in a log.
pub(super) struct Subscriber {
    pub(super) user: UserName,
    pub(super) cursor: Cursor,
    /// The outlet of the transport that listens; `None` while the client is away.
    pub(super) outlet: Option<SubscriberOutlet>,
}

/// The outlet of a subscriber.
pub(super) struct SubscriberOutlet {
    pub(super) outlet: Arc<Outlet>,
    /// True while the queue is full. The outlet was asked for capacity, and nothing is sent before
    /// it answers.
    pub(super) is_full: bool,
}

impl SubscriberOutlet {
    pub(super) fn new(outlet: Arc<Outlet>) -> Self {
        Self {
            outlet,
            is_full: false,
        }
    }
}

/// An outlet whose queue is full. The actor asks it for capacity, and resumes the subscriber when
/// it answers.
pub(crate) struct FullOutlet {
    pub(crate) conn_id: ConnId,
    pub(crate) generation: Generation,
    pub(crate) capacity: Recipient<AwaitCapacity>,
}
