//! The actor of a channel. [`ChannelCore`] decides what happens, and [`Delivery`] sends the entries
//! of the channel's log to its subscribers.

mod following;

use std::time::Duration;

use actix::prelude::*;

use crate::common::Common;
use crate::core::Stamp;
use crate::core::channel::ChannelCore;
use crate::core::roster::Member;
use crate::core::user::Place;
use crate::delivery::{
    Attach, Delivery, Detach, FindEpochs, GetPosition, IsUpToDate, PublishAnswer, RestoredPlace,
    find_epochs,
};
use crate::directory::{Registered, Registration, impl_registered_handlers};
use crate::faults::{ActorKind, PanickedActor, fail_point, is_panicking};
use crate::following::Following;
use crate::memory::{ActorBytes, ActorMemory, CHANNEL_BYTES};
use crate::name::{ChannelName, ConnId, Identity, LogName, MessageId, UserName};
use crate::position::Position;
use crate::posting::{Delete, Edit, GetTrimmable, LogActor, Publish, TrimTo};
use crate::protocol::config::ChannelConfig;
use crate::protocol::info::{ChannelInfo, Detail};
use crate::protocol::timestamp::Moment;
use crate::store::note::Note;
use crate::view::channel::{self as view, ListingCache};
use crate::view::{ChannelDetail, ChannelSummary};

/// Sets the channel's configuration. Sent by the broker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Configure(pub(crate) ChannelConfig);

/// Updates a user on the roster, and the place of one of the user's connections. Sent by the user.
/// The answer is the position of the place that the connection takes; `None` if it takes none.
#[derive(Message)]
#[rtype(result = "Option<Position>")]
pub(crate) struct UpdateMember {
    pub(crate) member: Member,
    pub(crate) place: Place,
    /// The configuration that the channel gets if this message creates it.
    pub(crate) config: Option<ChannelConfig>,
}

/// Removes a user from the roster, because a panic has ended the user's actor. Sent by that actor
/// while it is dropped.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RemoveMember(pub(crate) UserName);

/// Ends the place of a connection that a fault of the server has ended. Sent by the connection.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct LeavePlace(pub(crate) ConnId);

/// Asks for the channel as `/info` shows it. Sent by the broker.
#[derive(Message)]
#[rtype(result = "Box<ChannelInfo>")]
pub(crate) struct DescribeChannel(pub(crate) Detail);

/// Asks for everything that an operator may see of the channel. Sent by the broker.
#[derive(Message)]
#[rtype(result = "Box<ChannelDetail>")]
pub(crate) struct InspectChannel;

/// Asks for the channel as one line of a list of channels. Sent by the broker.
#[derive(Message)]
#[rtype(result = "Box<ChannelSummary>")]
pub(crate) struct SummarizeChannel;

/// Forgets the channel and everything that it keeps, unless connections are in it. Then the answer
/// lists those connections. Sent by the broker.
#[derive(Message)]
#[rtype(result = "Result<(), Vec<ConnId>>")]
pub(crate) struct ForgetChannel;

/// Restores the channel as it was before a restart. Sent by the broker before any other message
/// reaches the channel.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Restore {
    pub(crate) core: ChannelCore,
    /// The connections that have a place in the channel.
    pub(crate) places: Vec<RestoredPlace>,
    /// Whether the store does not have the channel yet.
    pub(crate) is_new: bool,
}

/// Notes the whole channel in the store again, because the store has lost earlier notes. Sent by
/// the broker.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct NoteWhole;

/// The actor of a channel.
pub(crate) struct Channel {
    registration: Registration<Self>,
    common: Common,
    core: ChannelCore,
    /// The subscribers, one for each connection in the channel.
    delivery: Delivery,
    listings: ListingCache,
    /// The count of the bytes that the channel holds.
    held: ActorMemory,
    /// How the channel follows Redis in a cluster; `None` if it decides by itself.
    following: Option<Following>,
}

impl Registered for Channel {
    type Name = ChannelName;

    type Needs = Common;

    fn open(registration: Registration<Self>, common: &Common) -> Self {
        let (core, delivery) = new_parts(registration.name(), common);
        let log = || LogName::Channel(registration.name().clone());
        let node = common.store().node();
        Self {
            following: node.map(|node| Following::new(node.clone(), log())),
            registration,
            common: common.clone(),
            core,
            delivery,
            listings: ListingCache::default(),
            held: common.memory().hold_for_actor(EMPTY),
        }
    }

    fn registration(&mut self) -> &mut Registration<Self> {
        &mut self.registration
    }

    fn after_message(&mut self) {
        self.held.update(self.bytes());
    }

    fn forgotten(name: &ChannelName, common: &Common) {
        (common.store()).note(|| Note::ChannelForgotten(name.clone()));
    }
}

/// The bytes that a channel without entries holds.
const EMPTY: ActorBytes = ActorBytes {
    log: 0,
    history: 0,
    entries: 0,
    lasting: CHANNEL_BYTES,
};

/// Creates the core and the delivery of a channel that keeps no entries yet.
fn new_parts(name: &ChannelName, common: &Common) -> (ChannelCore, Delivery) {
    let limits = common.limits();
    let mut core = ChannelCore::new(
        name.clone(),
        Identity::random(),
        limits.retention(limits.channel_frames),
        limits.history_bytes,
        Moment::now(),
    );
    if common.store().keeps() {
        core.collect_changes();
    }
    let delivery = Delivery::new(Some(name.clone()), limits.channel_frames, common);
    (core, delivery)
}

impl Actor for Channel {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(self.common.limits().sweep, |channel, _| channel.sweep());
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if is_panicking() {
            self.registration.report_panic();
            self.common.faults().report(PanickedActor {
                kind: ActorKind::Channel,
                connections: self.delivery.connections(),
            });
        }
    }
}

impl LogActor for Channel {
    type Core = ChannelCore;

    fn parts(&mut self) -> (&mut ChannelCore, &mut Delivery) {
        (&mut self.core, &mut self.delivery)
    }

    fn note(&mut self) {
        let core = &mut self.core;
        (self.common.store()).note(|| Note::Channel(core.record(), core.take_changes()));
    }

    fn may_deliver(&self) -> bool {
        self.following.as_ref().is_none_or(Following::is_usable)
    }
}

impl Channel {
    fn sweep(&mut self) {
        let now = Moment::now();
        if self.core.sweep(now) {
            self.note();
        }
        self.held.update(self.bytes());
        self.delivery.sweep();
        self.listings.clear();
        if let Some(following) = &self.following {
            // The channel itself is in Redis.
            if self.delivery.is_empty() && !following.is_awaited() {
                self.registration.offer_to_stop();
            }
            return;
        }
        let lifetime: Duration = self.common.limits().channel_lifetime;
        if self.is_deserted() && now.since(self.core.last_active()) >= lifetime {
            self.registration.offer_to_stop();
        }
    }

    fn bytes(&self) -> ActorBytes {
        ActorBytes {
            log: self.core.log().bytes(),
            history: self.core.history().bytes(),
            entries: self.core.log().own_bytes() + self.core.history().own_bytes(),
            ..EMPTY
        }
    }

    /// Returns whether no user is present and no connection may come back.
    fn is_deserted(&self) -> bool {
        self.core.roster().is_empty() && self.delivery.is_empty()
    }
}

impl_registered_handlers!(Channel);

impl Handler<Publish> for Channel {
    type Result = PublishAnswer;

    fn handle(&mut self, publish: Publish, context: &mut Context<Self>) -> PublishAnswer {
        fail_point("channel", self.registration.name().as_str());
        LogActor::publish(self, publish, context, |core, publications| {
            core.publish(publications, Moment::now());
        })
    }
}

impl Handler<Edit> for Channel {
    type Result = ();

    fn handle(&mut self, Edit(patch): Edit, context: &mut Context<Self>) {
        self.change(context, |core| core.edit(&patch, Moment::now()));
    }
}

impl Handler<Delete> for Channel {
    type Result = ();

    fn handle(&mut self, Delete(deletion): Delete, context: &mut Context<Self>) {
        self.change(context, |core| core.delete(&deletion, Moment::now()));
    }
}

impl Handler<GetTrimmable> for Channel {
    type Result = usize;

    fn handle(&mut self, _: GetTrimmable, _: &mut Context<Self>) -> usize {
        self.bytes().trimmable()
    }
}

impl Handler<TrimTo> for Channel {
    type Result = ();

    fn handle(&mut self, TrimTo(bytes): TrimTo, context: &mut Context<Self>) {
        self.change(context, |core| core.trim_to(bytes));
    }
}

impl Handler<Configure> for Channel {
    type Result = ();

    fn handle(&mut self, Configure(config): Configure, _: &mut Context<Self>) {
        self.core.configure(config);
        self.note();
    }
}

impl Handler<UpdateMember> for Channel {
    type Result = MessageResult<UpdateMember>;

    fn handle(&mut self, update: UpdateMember, context: &mut Context<Self>) -> Self::Result {
        let UpdateMember {
            member,
            place,
            config,
        } = update;
        if let Some(config) = config {
            self.core.configure_new(config);
        }
        self.catch_up(context);
        // A place ends before `parted` is appended and begins after `joined` is appended, so its
        // connection is not sent that event.
        if let Place::Left(conn_id) = place {
            self.delivery.leave_place(conn_id);
        }
        let stamp = Stamp {
            now: Moment::now(),
            id: MessageId::random(),
        };
        self.change(context, |core| core.update_member(&member, stamp));
        let Place::Taken(conn_id) = place else {
            return MessageResult(None);
        };
        let log = self.core.log();
        MessageResult(self.delivery.take_place(conn_id, member.user, log))
    }
}

impl Handler<RemoveMember> for Channel {
    type Result = ();

    fn handle(&mut self, RemoveMember(user): RemoveMember, context: &mut Context<Self>) {
        let stamp = Stamp {
            now: Moment::now(),
            id: MessageId::random(),
        };
        self.change(context, |core| core.remove_member(&user, stamp));
    }
}

impl Handler<LeavePlace> for Channel {
    type Result = ();

    fn handle(&mut self, LeavePlace(conn_id): LeavePlace, context: &mut Context<Self>) {
        self.catch_up(context);
        self.delivery.leave_place(conn_id);
    }
}

impl Handler<Attach> for Channel {
    type Result = MessageResult<Attach>;

    fn handle(&mut self, attach: Attach, context: &mut Context<Self>) -> Self::Result {
        MessageResult(LogActor::attach(self, attach, context))
    }
}

impl Handler<Detach> for Channel {
    type Result = ();

    fn handle(&mut self, detach: Detach, context: &mut Context<Self>) {
        LogActor::detach(self, detach, context);
    }
}

impl Handler<FindEpochs> for Channel {
    type Result = MessageResult<FindEpochs>;

    fn handle(&mut self, asked: FindEpochs, _: &mut Context<Self>) -> Self::Result {
        MessageResult(find_epochs(&asked, self.core.log()))
    }
}

impl Handler<GetPosition> for Channel {
    type Result = MessageResult<GetPosition>;

    fn handle(&mut self, GetPosition(conn_id): GetPosition, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.delivery.position(conn_id, self.core.log()))
    }
}

impl Handler<IsUpToDate> for Channel {
    type Result = bool;

    fn handle(&mut self, asked: IsUpToDate, context: &mut Context<Self>) -> bool {
        LogActor::is_up_to_date(self, asked, context)
    }
}

impl Handler<Restore> for Channel {
    type Result = ();

    fn handle(&mut self, restore: Restore, _: &mut Context<Self>) {
        self.core = restore.core;
        self.delivery.restore(restore.places, self.core.log());
        if restore.is_new {
            self.note();
        }
    }
}

impl Handler<NoteWhole> for Channel {
    type Result = ();

    fn handle(&mut self, _: NoteWhole, _: &mut Context<Self>) {
        self.core.take_changes();
        let core = &self.core;
        (self.common.store()).note(|| Note::Channel(core.record(), core.all_as_changes()));
    }
}

impl Handler<DescribeChannel> for Channel {
    type Result = MessageResult<DescribeChannel>;

    fn handle(
        &mut self,
        DescribeChannel(detail): DescribeChannel,
        _: &mut Context<Self>,
    ) -> Self::Result {
        let info = view::info(&self.core, detail, &mut self.listings);
        MessageResult(Box::new(info))
    }
}

impl Handler<InspectChannel> for Channel {
    type Result = MessageResult<InspectChannel>;

    fn handle(&mut self, _: InspectChannel, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Box::new(view::detail(&self.core)))
    }
}

impl Handler<SummarizeChannel> for Channel {
    type Result = MessageResult<SummarizeChannel>;

    fn handle(&mut self, _: SummarizeChannel, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Box::new(view::summary(&self.core)))
    }
}

impl Handler<ForgetChannel> for Channel {
    type Result = Result<(), Vec<ConnId>>;

    fn handle(&mut self, _: ForgetChannel, context: &mut Context<Self>) -> Self::Result {
        self.catch_up(context);
        if !self.is_deserted() {
            return Err(self.delivery.connections());
        }
        // A message may already be on its way here. Then the actor goes on as a new channel.
        let name = self.registration.name().clone();
        (self.core, self.delivery) = new_parts(&name, &self.common);
        (self.common.store()).note(|| Note::ChannelForgotten(name));
        self.listings.clear();
        self.registration.offer_to_stop();
        Ok(())
    }
}
