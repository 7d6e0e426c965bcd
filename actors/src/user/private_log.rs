//! The handlers for the log of a user's private messages.

use actix::prelude::*;

use crate::core::user::UserCore;
use crate::delivery::{
    Attach, Delivery, Detach, FindEpochs, GetPosition, IsUpToDate, PublishAnswer, find_epochs,
};
use crate::following::Following;
use crate::posting::{Delete, Edit, GetTrimmable, LogActor, Publish, TrimTo};
use crate::protocol::timestamp::Moment;
use crate::store::note::Note;
use crate::user::User;

impl LogActor for User {
    type Core = UserCore;

    fn parts(&mut self) -> (&mut UserCore, &mut Delivery) {
        (&mut self.core, &mut self.delivery)
    }

    fn note(&mut self) {
        let core = &mut self.core;
        (self.needs.common.store()).note(|| Note::User(core.record(), core.take_changes()));
    }

    fn may_deliver(&self) -> bool {
        self.following.as_ref().is_none_or(Following::is_usable)
    }
}

impl Handler<Publish> for User {
    type Result = PublishAnswer;

    fn handle(&mut self, publish: Publish, context: &mut Context<Self>) -> PublishAnswer {
        LogActor::publish(self, publish, context, |core, publications| {
            core.publish(publications, Moment::now());
        })
    }
}

impl Handler<Edit> for User {
    type Result = ();

    fn handle(&mut self, Edit(patch): Edit, context: &mut Context<Self>) {
        self.change(context, |core| core.edit(&patch, Moment::now()));
    }
}

impl Handler<Delete> for User {
    type Result = ();

    fn handle(&mut self, Delete(deletion): Delete, context: &mut Context<Self>) {
        self.change(context, |core| core.delete(&deletion, Moment::now()));
    }
}

impl Handler<GetTrimmable> for User {
    type Result = usize;

    fn handle(&mut self, _: GetTrimmable, _: &mut Context<Self>) -> usize {
        self.bytes().trimmable()
    }
}

impl Handler<TrimTo> for User {
    type Result = ();

    fn handle(&mut self, TrimTo(bytes): TrimTo, context: &mut Context<Self>) {
        self.change(context, |core| core.trim_to(bytes));
    }
}

impl Handler<Attach> for User {
    type Result = MessageResult<Attach>;

    fn handle(&mut self, attach: Attach, context: &mut Context<Self>) -> Self::Result {
        MessageResult(LogActor::attach(self, attach, context))
    }
}

impl Handler<Detach> for User {
    type Result = ();

    fn handle(&mut self, detach: Detach, context: &mut Context<Self>) {
        LogActor::detach(self, detach, context);
    }
}

impl Handler<FindEpochs> for User {
    type Result = MessageResult<FindEpochs>;

    fn handle(&mut self, asked: FindEpochs, _: &mut Context<Self>) -> Self::Result {
        MessageResult(find_epochs(&asked, self.core.log()))
    }
}

impl Handler<GetPosition> for User {
    type Result = MessageResult<GetPosition>;

    fn handle(&mut self, GetPosition(conn_id): GetPosition, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.delivery.position(conn_id, self.core.log()))
    }
}

impl Handler<IsUpToDate> for User {
    type Result = bool;

    fn handle(&mut self, asked: IsUpToDate, context: &mut Context<Self>) -> bool {
        LogActor::is_up_to_date(self, asked, context)
    }
}
