//! Looks after the server to which a lane is connected: whether it writes, whether it is still the
//! primary, and whether the reader hears from it.

use actix::prelude::*;
use redis::RedisError;

use crate::store::redis::lane::LaneActor;
use crate::store::redis::resolver;

impl LaneActor {
    /// Notes whether Redis writes, and whether replicas confirm it. Each call writes at least its
    /// number, and the beats of the node are calls, so a node soon knows when this changes.
    pub(super) fn note_troubles(&mut self, refusal: Option<&RedisError>, is_confirmed: bool) {
        if let Some(error) = refusal {
            self.counters.set_problem(Some(error.to_string()));
            if self.refusal.note() {
                log::warn!("Redis refuses to write, so calls get 503: {error}");
            }
        } else if !self.hearing.is_deaf() {
            self.counters.set_problem(None);
        }
        if refusal.is_none() && self.refusal.end() {
            log::info!("Redis writes again");
        }
        if !is_confirmed && self.unconfirmed.note() {
            log::warn!(
                "fewer than {} replicas confirm what is written (redis_replicas), so calls get 503",
                self.place.replicas
            );
        } else if is_confirmed && self.unconfirmed.end() {
            log::info!("enough replicas confirm what is written");
        }
    }

    /// Looks whether another server is the primary now, and whether the reader makes progress.
    pub(super) fn check(&mut self, context: &mut Context<Self>) {
        let Some(link) = self.link.clone().filter(|_| !self.is_checking) else {
            return;
        };
        self.is_checking = true;
        let (place, number) = (self.place.clone(), self.links);
        let checked = async move { link.check(&place).await };
        let checked = checked.into_actor(self);
        context.spawn(checked.map(move |checked, lane, context| {
            lane.is_checking = false;
            match checked {
                _ if !lane.is_on(number) => {}
                Ok(Some(last)) if lane.hearing.look(last) => {
                    let error = resolver::error("the feed brings nothing, but has more");
                    lane.broke(&error, context);
                }
                Ok(_) => {}
                Err(error) => lane.broke(&error, context),
            }
        }));
    }
}
