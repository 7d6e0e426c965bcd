//! Clients that come and go while others listen: visitors with a websocket, of whom some leave by a
//! call and some vanish, and clients that poll.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::http::Http;
use crate::target::{SubscriberSpec, Target};

/// The number of visitors at the same time.
const VISITORS: usize = 40;

/// The number of users that each visitor uses in turn. The server remembers a user who has left,
/// which is not growth.
const NAMES: usize = 5;

/// The number of clients that poll.
const POLLERS: usize = 40;

/// The number of polls after which a client leaves and comes back.
const POLLS: u64 = 50;

/// The counts of what the clients have done.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) visits: u64,
    pub(crate) polls: u64,
}

/// The clients, while they run.
pub(crate) struct TransientClients {
    tasks: JoinSet<Result<()>>,
    is_over: Rc<Cell<bool>>,
    visits: Rc<Cell<u64>>,
    polls: Rc<Cell<u64>>,
}

impl TransientClients {
    /// Starts the clients. Their users have numbers from `first` on. Must run within a `LocalSet`.
    pub(crate) fn start(target: &Target, channels: usize, first: usize) -> Self {
        let mut clients = Self {
            tasks: JoinSet::new(),
            is_over: Rc::default(),
            visits: Rc::default(),
            polls: Rc::default(),
        };
        for number in 0..VISITORS {
            let visitor = Visitor {
                target: target.clone(),
                channel: number % channels,
                first: first + number * NAMES,
                is_over: clients.is_over.clone(),
                visits: clients.visits.clone(),
            };
            clients.tasks.spawn_local(visitor.come_and_go());
        }
        for number in 0..POLLERS {
            let poller = Poller {
                target: target.clone(),
                spec: SubscriberSpec {
                    channel: number % channels,
                    subscriber: first + VISITORS * NAMES + number,
                    has_small_buffer: false,
                },
                is_over: clients.is_over.clone(),
                polls: clients.polls.clone(),
            };
            clients.tasks.spawn_local(poller.poll());
        }
        clients
    }

    /// Makes all clients leave.
    pub(crate) async fn leave(mut self) -> Result<Counts> {
        self.is_over.set(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended?.context("a client that comes and goes")?;
        }
        Ok(Counts {
            visits: self.visits.get(),
            polls: self.polls.get(),
        })
    }
}

struct Visitor {
    target: Target,
    channel: usize,
    first: usize,
    is_over: Rc<Cell<bool>>,
    visits: Rc<Cell<u64>>,
}

impl Visitor {
    async fn come_and_go(self) -> Result<()> {
        let mut backend = self.target.backend().await?;
        let mut buffer = vec![0; 64 << 10];
        for visit in 0.. {
            if self.is_over.get() {
                break;
            }
            let spec = SubscriberSpec {
                channel: self.channel,
                subscriber: self.first + visit % NAMES,
                has_small_buffer: false,
            };
            let conn_id = self.target.enter(&mut backend, spec).await?;
            let mut socket = self.target.listen(conn_id, spec).await?;
            let stay = Duration::from_millis(200 + 100 * (visit as u64 % 17));
            let read = async { while let Ok(1..) = socket.stream.read(&mut buffer).await {} };
            // An error means that the visitor has stayed long enough.
            let _ = timeout(stay, read).await;
            // The server notices that the other visitors do not come back.
            if visit % 2 == 0 {
                self.target.leave(&mut backend, conn_id).await?;
            }
            drop(socket);
            self.visits.set(self.visits.get() + 1);
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }
}

struct Poller {
    target: Target,
    spec: SubscriberSpec,
    is_over: Rc<Cell<bool>>,
    polls: Rc<Cell<u64>>,
}

impl Poller {
    async fn poll(self) -> Result<()> {
        let mut backend = self.target.backend().await?;
        while !self.is_over.get() {
            let conn_id = self.target.enter(&mut backend, self.spec).await?;
            let mut http: Http = self.target.backend().await?;
            let request = format!("GET /listen?conn_id={conn_id} HTTP/1.1\r\nhost: soak\r\n\r\n");
            for _ in 0..POLLS {
                if self.is_over.get() {
                    break;
                }
                let answer = http.call(request.as_bytes()).await?;
                ensure!(
                    answer.status == 200,
                    "/listen was answered with {}",
                    answer.status
                );
                self.polls.set(self.polls.get() + 1);
            }
            self.target.leave(&mut backend, conn_id).await?;
        }
        Ok(())
    }
}
