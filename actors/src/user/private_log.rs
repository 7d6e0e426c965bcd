//! What is asked of the log of a user's private messages.

use actix::prelude::*;

use crate::core::user::UserCore;
use crate::delivery::{Attach, Delivery, Detach, GetEpoch, IsUpToDate, PublishAnswer};
use crate::posting::{Delete, Edit, LogActor, Publish};
use crate::protocol::timestamp::Moment;
use crate::user::User;

impl LogActor for User {
    type Core = UserCore;

    fn parts(&mut self) -> (&mut UserCore, &mut Delivery) {
        (&mut self.core, &mut self.delivery)
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

impl Handler<Attach> for User {
    type Result = ();

    fn handle(&mut self, attach: Attach, context: &mut Context<Self>) {
        LogActor::attach(self, attach, context);
    }
}

impl Handler<Detach> for User {
    type Result = ();

    fn handle(&mut self, detach: Detach, context: &mut Context<Self>) {
        LogActor::detach(self, detach, context);
    }
}

impl Handler<GetEpoch> for User {
    type Result = MessageResult<GetEpoch>;

    fn handle(&mut self, _: GetEpoch, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.core.log().epoch())
    }
}

impl Handler<IsUpToDate> for User {
    type Result = bool;

    fn handle(&mut self, asked: IsUpToDate, context: &mut Context<Self>) -> bool {
        LogActor::is_up_to_date(self, asked, context)
    }
}
