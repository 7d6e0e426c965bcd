//! What is sent to a channel and to a user alike: messages, edits, deletions. From the broker; answered when ordered and kept.

use actix::prelude::*;

use crate::core::channel::Publication;
use crate::protocol::message::{Deletion, Patch};

/// Appends publications in the order given and delivers them.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Publish(pub(crate) Vec<Publication>);

/// Edits a message where it is kept, and tells of it.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Edit(pub(crate) Patch);

/// Deletes a message where it is kept, and tells of it.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Delete(pub(crate) Deletion);
