//! The subscribers of a run: they are connected together and counted.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, bail};
use futures_util::future::try_join_all;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::progress::Progress;
use crate::stamp::Stamp;
use crate::subscriber::{Ears, Subscriber};
use crate::tally::{Plan, Receipts, Tally};
use crate::target::{PublisherPool, Seat, Target, WebSocket};

/// The number of subscribers that connect at the same time.
const DOORS: usize = 16;

const ROLL_CALL_PATIENCE: Duration = Duration::from_secs(60);

/// All subscribers of a run.
pub(crate) struct Audience {
    receipts: Vec<Rc<RefCell<Receipts>>>,
    tasks: JoinSet<()>,
}

impl Audience {
    /// Opens `each` websockets for each channel of the plan. Must run within a `LocalSet`.
    pub(crate) async fn gather(
        target: &Target,
        plan: Plan,
        each: usize,
        ears: &Rc<Ears>,
        progress: &Progress,
    ) -> Result<Self> {
        let seats = (0..plan.channels * each).map(|subscriber| Seat {
            channel: subscriber % plan.channels,
            subscriber,
            is_narrow: false,
        });
        let mut audience = Self {
            receipts: Vec::new(),
            tasks: JoinSet::new(),
        };
        for (seat, socket) in open(target, seats.collect(), progress).await? {
            let receipts = Rc::new(RefCell::new(Receipts::new(plan, seat.channel)));
            audience.receipts.push(receipts.clone());
            audience
                .tasks
                .spawn_local(Subscriber::new(ears.clone(), socket, receipts).listen());
        }
        Ok(audience)
    }

    /// Returns the number of subscribers.
    pub(crate) fn len(&self) -> usize {
        self.receipts.len()
    }

    /// Publishes to each channel until every subscriber has received something. An open socket does
    /// not yet mean that the subscription is in effect.
    pub(crate) async fn call_roll(
        &self,
        plan: Plan,
        publishers: &PublisherPool,
        size: usize,
        tally: &Tally,
    ) -> Result<()> {
        if self.receipts.is_empty() {
            return Ok(());
        }
        let mut publisher = publishers.publisher().await?;
        let end = Instant::now() + ROLL_CALL_PATIENCE;
        while tally.present() < self.len() {
            for channel in 0..plan.channels {
                let mut message = Vec::new();
                Stamp {
                    slot: Stamp::ROLL_CALL,
                    number: 0,
                    micros: 0,
                }
                .write(size, &mut message);
                publisher.publish(channel, &message).await?;
            }
            sleep(Duration::from_millis(200)).await;
            if Instant::now() > end {
                bail!(
                    "only {} of {} subscribers receive anything",
                    tally.present(),
                    self.len()
                );
            }
        }
        Ok(())
    }

    /// Returns the number of missing deliveries when each publisher has sent this many messages.
    pub(crate) fn missing(&self, sent: &[u32]) -> u64 {
        self.receipts
            .iter()
            .map(|receipts| receipts.borrow().missing(sent))
            .sum()
    }
}

/// Opens websockets, several at once.
pub(crate) async fn open(
    target: &Target,
    seats: Vec<Seat>,
    progress: &Progress,
) -> Result<Vec<(Seat, WebSocket)>> {
    let count = seats.len();
    let bar = progress.bar("connecting", count as u64);
    let seats = Rc::new(RefCell::new(seats));
    let door = || async {
        let (mut backend, mut sockets) = (target.backend().await?, Vec::new());
        loop {
            let Some(seat) = seats.borrow_mut().pop() else {
                break;
            };
            let conn_id = target.enter(&mut backend, seat).await?;
            sockets.push((seat, target.listen(conn_id, seat).await?));
            bar.inc(1);
        }
        anyhow::Ok(sockets)
    };
    let sockets = try_join_all((0..DOORS.min(count)).map(|_| door())).await?;
    bar.finish_and_clear();
    Ok(sockets.into_iter().flatten().collect())
}
