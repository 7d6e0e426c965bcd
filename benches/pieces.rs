//! Measures the cost of the steps of a publication: `cargo bench`. `docs/performance.md` has the
//! figures and their meaning.

#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up shall say where"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::prelude::*;
use channelstream::api::message::MessageRequest;
use channelstream::signature::Signer;
use channelstream::validation::body::FromBody;
use channelstream::validation::facts::Facts;
use channelstream_actors::broker::Broker;
use channelstream_actors::core::Stamp;
use channelstream_actors::core::channel::ChannelCore;
use channelstream_actors::core::publication::Publication;
use channelstream_actors::core::roster::Member;
use channelstream_actors::core::user::{ConnectState, ConnectedChannels, Place, UserCore};
use channelstream_actors::limits::{Limits, Retention};
use channelstream_actors::name::{ChannelName, ConnId, Identity, MessageId, UserName};
use channelstream_actors::outlet::{
    Attachment, AwaitCapacity, Batch, LastHeard, Outlet, Queue, Shut, Socket,
};
use channelstream_actors::protocol::event;
use channelstream_actors::protocol::message::{Address, Draft, Message, MessageMemory, Payload};
use channelstream_actors::protocol::timestamp::Moment;
use channelstream_actors::transport::Transport;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::value::RawValue;

fn payload() -> Payload {
    let text = format!(r#"{{"text":"{}"}}"#, "x".repeat(189));
    RawValue::from_string(text).unwrap().into()
}

fn draft(channel: &ChannelName) -> Draft {
    let address = Address {
        channel: Some(channel.clone()),
        ..Address::default()
    };
    Draft {
        address,
        uuid: None,
        timestamp: None,
        user: UserName::new("bench"),
        message: Some(payload()),
    }
}

fn message() -> Arc<Message> {
    let Draft {
        address,
        user,
        message,
        ..
    } = draft(&ChannelName::new("news"));
    Arc::new(Message {
        address,
        uuid: MessageId::random(),
        timestamp: Moment::now().into(),
        user,
        message,
        edited: None,
        held: MessageMemory::default(),
    })
}

fn call(criterion: &mut Criterion) {
    let signer = Signer::new("secret");
    let signature = signer.sign("/message");
    criterion.bench_function("check a signature", |bencher| {
        bencher.iter(|| signer.check(black_box(&signature)))
    });
    let body = format!(
        r#"[{{"user":"bench","channel":"news","message":{}}}]"#,
        payload().get()
    );
    let body = RawValue::from_string(body).unwrap();
    let facts = Facts::default();
    criterion.bench_function("validate a body of /message", |bencher| {
        bencher.iter(|| MessageRequest::from_body(black_box(&body), &facts));
    });
}

fn core(criterion: &mut Criterion) {
    let message = message();
    criterion.bench_function("encode a message", |bencher| {
        bencher.iter(|| event::message(black_box(&message)))
    });
    let retention = || {
        let limits = Limits::default();
        Retention {
            frames: limits.channel_frames,
            age: limits.idle,
            length: limits.log_length,
            bytes: limits.log_bytes,
        }
    };
    let mut channel = ChannelCore::new(
        ChannelName::new("news"),
        Identity::random(),
        retention(),
        8 << 20,
        Moment::now(),
    );
    let publication = Publication::new(message);
    criterion.bench_function("publish in a core", |bencher| {
        bencher.iter(|| channel.publish(vec![black_box(publication.clone())], Moment::now()));
    });
    criterion.bench_function("a user comes and goes in two cores", |bencher| {
        bencher.iter(|| {
            let (conn_id, now) = (ConnId::random(), Moment::now());
            let mut user =
                UserCore::new(UserName::new("alice"), Identity::random(), retention(), now);
            let channels = || vec![ChannelName::new("news")];
            let connected = ConnectedChannels {
                added: channels(),
                ..ConnectedChannels::default()
            };
            let updates = user
                .connect(conn_id, ConnectState::default(), connected, now)
                .into_iter()
                .chain(user.close(conn_id, channels(), now));
            for update in updates {
                let member: &Member = &update.member;
                let id = MessageId::random();
                channel.update_member(member, Stamp { now, id });
                black_box::<Place>(update.place);
            }
        });
    });
}

/// An outlet that only counts batches.
struct Counting {
    counter: Arc<AtomicU64>,
    queue: Queue,
}

impl Actor for Counting {
    type Context = Context<Self>;
}

impl Handler<Batch> for Counting {
    type Result = ();

    fn handle(&mut self, batch: Batch, _: &mut Context<Self>) {
        self.queue.remove(batch.list.size());
        self.counter.fetch_add(batch.count, Ordering::Relaxed);
    }
}

impl Handler<AwaitCapacity> for Counting {
    type Result = ();

    fn handle(&mut self, _: AwaitCapacity, _: &mut Context<Self>) {}
}

impl Handler<Shut> for Counting {
    type Result = ();

    fn handle(&mut self, _: Shut, _: &mut Context<Self>) {}
}

/// A socket whose methods are never called.
#[derive(Debug)]
struct Unused;

impl Socket for Unused {
    fn cut(&self) {}

    fn was_reset(&self) -> bool {
        false
    }

    fn written(&self) -> u64 {
        0
    }
}

async fn subscribed(
    broker: &Broker,
    channel: &ChannelName,
    number: u64,
    counter: &Arc<AtomicU64>,
) -> Attachment {
    let (user, conn_id) = (UserName::new(format!("user-{number}")), ConnId::random());
    let set = ConnectState::default();
    let channels = vec![channel.clone()];
    broker
        .connect(user, conn_id, set, channels, Default::default())
        .await
        .unwrap();
    let queue = Queue::of_gatherer(1 << 20);
    let outlet = Counting {
        counter: counter.clone(),
        queue: queue.clone(),
    }
    .start();
    let outlet = Outlet {
        transport: Transport::Websocket,
        batches: outlet.clone().recipient(),
        capacity: outlet.clone().recipient(),
        shut: outlet.recipient(),
        queue,
        last_heard: LastHeard::default(),
        socket: Arc::new(Unused),
    };
    broker
        .attach(conn_id, outlet, Default::default())
        .await
        .unwrap()
}

/// Measures from the call to the last of a thousand outlets, on one thread and without sockets: the
/// cost of the actors, without the kernel's work.
fn fan_out(criterion: &mut Criterion) {
    const SUBSCRIBERS: u64 = 1000;
    let mut group = criterion.benchmark_group("fan-out in memory to 1,000");
    for messages in [1, 8, 64] {
        let system = System::new();
        let broker = Broker::new(Limits::default());
        let (channel, counter) = (ChannelName::new("news"), Arc::new(AtomicU64::new(0)));
        let mut attachments = Vec::new();
        system.block_on(async {
            broker.start_on(&[Arbiter::current()]);
            for number in 0..SUBSCRIBERS {
                attachments.push(subscribed(&broker, &channel, number, &counter).await);
            }
        });
        group.throughput(Throughput::Elements(SUBSCRIBERS * messages));
        group.bench_function(
            BenchmarkId::from_parameter(format!("{messages} at once")),
            |bencher| {
                bencher.iter(|| {
                    system.block_on(async {
                        let end = counter.load(Ordering::Relaxed) + SUBSCRIBERS * messages;
                        broker
                            .publish((0..messages).map(|_| draft(&channel)).collect())
                            .await
                            .unwrap();
                        while counter.load(Ordering::Relaxed) < end {
                            tokio::task::yield_now().await;
                        }
                    });
                });
            },
        );
    }
    group.finish();
}

criterion_group!(pieces, call, core, fan_out);
criterion_main!(pieces);
