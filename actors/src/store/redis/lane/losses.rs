//! Notices that Redis has lost entries of the feed, and says so.

use std::time::Duration;

use actix::prelude::*;
use tokio::time::sleep;

use crate::core::cluster::call::Call;
use crate::store::redis::lane::{LOOK_INTERVAL, LaneActor, Make, NoteFeed, Noted};

impl Handler<NoteFeed> for LaneActor {
    type Result = ();

    fn handle(&mut self, NoteFeed(noted): NoteFeed, context: &mut Self::Context) {
        for noted in noted {
            match noted {
                Noted::Read(id) => {
                    self.witness.saw(id);
                    self.hearing.read(id);
                }
                Noted::Fenced(term, kept) => {
                    self.counters.count_term();
                    if self.witness.fenced(term, kept) {
                        self.counters.count_loss();
                        log::warn!("Redis has lost what it was told last; clients are told of it");
                        self.tell_of_loss(context);
                    }
                }
            }
        }
    }
}

impl LaneActor {
    /// Says that Redis has lost entries of the feed, until Redis has heard it.
    fn tell_of_loss(&mut self, context: &mut Context<Self>) {
        let told = self.push(
            Make {
                call: Call::Lost,
                is_patient: true,
            },
            context,
        );
        let told = told.into_actor(self).then(|outcome, lane, _| {
            let is_told = matches!(outcome, Ok(Ok(_)));
            let wait = if is_told {
                Duration::ZERO
            } else {
                LOOK_INTERVAL
            };
            sleep(wait).into_actor(lane).map(move |(), _, _| is_told)
        });
        context.spawn(told.map(|is_told, lane, context| {
            if !is_told {
                lane.tell_of_loss(context);
            }
        }));
    }
}
