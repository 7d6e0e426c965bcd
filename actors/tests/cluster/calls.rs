//! The way of a call: Redis executes it, and its node reads the answer.

use std::collections::BTreeMap;

use channelstream_actors::core::cluster::session::Session;

use crate::mutation::Mutation;
use crate::node::{Job, Loss, Purpose};
use crate::outlet::{Outlet, Poll};
use crate::redis::{Answer, Call, Fed, Log};
use crate::world::World;

impl World {
    pub(crate) fn execute(&mut self, node: usize) -> Result<(), String> {
        let state = &mut self.nodes[node];
        let (id, term) = (state.id, state.term);
        let sent = state.wire.iter_mut().find(|sent| sent.answer.is_none());
        let Some(sent) = sent else { return Ok(()) };
        let (number, job) = (sent.call.number, sent.call.call.clone());
        let answer = self.redis.execute(id, number, term, &job.call);
        sent.answer = Some(answer.clone());
        self.executed(&job, &answer)
    }

    pub(crate) fn execute_late(&mut self, wire: usize) -> Result<(), String> {
        let (id, sent) = {
            let (id, calls) = &mut self.late[wire];
            (*id, calls.pop_front().unwrap())
        };
        self.late.retain(|(_, calls)| !calls.is_empty());
        let (number, job) = (sent.call.number, sent.call.call);
        let term = self.redis.term;
        let answer = self.redis.execute(id, number, term, &job.call);
        self.executed(&job, &answer)
    }

    /// Checks what a call has changed.
    pub(crate) fn executed(&mut self, job: &Job, answer: &Answer) -> Result<(), String> {
        if let (Call::Connect { conn_id, .. }, Answer::Connected { record, .. }) =
            (&job.call, answer)
            && let Some(client) = self.clients.iter_mut().find(|it| it.conn_id == *conn_id)
        {
            client.begin_anew(record);
        }
        let new = self.redis.feed[self.checked..].to_vec();
        self.checked = self.redis.feed.len();
        for (_, fed) in new {
            match fed {
                Fed::Appended { log, item, .. } => self.check_event(&log, item.content)?,
                Fed::Subscribed {
                    conn_id,
                    log,
                    place,
                    ..
                } => {
                    let mut clients = self.clients.iter_mut();
                    if let Some(client) = clients.find(|it| it.conn_id == conn_id) {
                        client.subscribed(log, place.1);
                    }
                }
                Fed::Unsubscribed { conn_id, log, .. } => {
                    let end = self.redis.logs.get(&log).map_or(0, Log::end);
                    let mut clients = self.clients.iter_mut();
                    if let Some(client) = clients.find(|it| it.conn_id == conn_id) {
                        client.unsubscribed(&log, end);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn answer(&mut self, node: usize) -> Result<(), String> {
        let state = &mut self.nodes[node];
        let sent = state.wire.pop_front().unwrap();
        let (number, answer) = (sent.call.number, sent.answer.unwrap());
        let Some(job) = state.lane.answered(number) else {
            return Ok(());
        };
        if job.purpose == Purpose::Stop || (answer == Answer::Dead && state.is_stopping) {
            self.crash(node);
            return Ok(());
        }
        if answer == Answer::Dead {
            self.end_all_transports(node);
            self.start(node);
            return Ok(());
        }
        if let Answer::OtherTerm(_) = answer {
            return Err("a call was sent in another term".to_owned());
        }
        self.handle(node, job, answer)
    }

    pub(crate) fn handle(&mut self, node: usize, job: Job, answer: Answer) -> Result<(), String> {
        let polls = self.polls;
        let (state, clients) = (&mut self.nodes[node], &mut self.clients[..]);
        match (job.purpose, answer) {
            (Purpose::Connect { client }, Answer::Connected { record, fed }) => {
                let key = (clients[client].conn_id, record.turn);
                let session = Session::of_connect(key.0, record, fed);
                state.begin(key, session, None, clients);
                clients[client].is_known = true;
            }
            (Purpose::Connect { client }, answer) => {
                state.read_meanwhile.remove(&(clients[client].conn_id, 0));
                if let Answer::Known(_) = answer {
                    // The application has connected it again.
                    let conn_id = clients[client].conn_id;
                    clients[client].is_known = true;
                    state.push(Call::Heard { conn_id }, Purpose::Nobody);
                }
            }
            (
                Purpose::Open { client, attempt },
                Answer::Taken {
                    record,
                    ends,
                    new,
                    fed,
                },
            ) => {
                let key = (clients[client].conn_id, record.turn);
                let outlet = Outlet {
                    born: record.born,
                    client,
                    attempt,
                    poll: if polls { Poll::Waits } else { Poll::No },
                    places: BTreeMap::new(),
                    confirmed: BTreeMap::new(),
                };
                let session = Session::of_transport(key.0, record, ends, new, fed);
                state.begin(key, session, Some(outlet), clients);
            }
            (Purpose::Open { client, attempt }, answer) => {
                (state.read_meanwhile).remove(&(clients[client].conn_id, attempt));
                if answer == Answer::Unknown {
                    clients[client].forget(attempt);
                } else {
                    clients[client].lose(attempt);
                }
            }
            (Purpose::Session(key), answer) => {
                state.busy.remove(&key);
                if let Some(session) = state.sessions.get_mut(&key) {
                    let effects = session.answered(&job.call, &answer);
                    state.carry_out(key, effects, clients);
                }
            }
            (Purpose::Load(log), Answer::Loaded(loaded)) => {
                state.loading.remove(&log);
                if let Some((follower, entries)) = state.copies.get_mut(&log) {
                    follower.loaded(loaded.log, loaded.whole_since, loaded.fed);
                    *entries = loaded.entries.iter().map(|it| it.content).collect();
                }
            }
            (Purpose::Load(log), _) => drop(state.loading.remove(&log)),
            (Purpose::Post(message), Answer::Posted { fed }) => {
                state.seen.saw(fed);
                if state.mutation != Some(Mutation::AnswersUnseen) {
                    state.witness.saw(fed);
                }
                self.accepted(message, fed);
            }
            (Purpose::Lost, _) => state.loss = Loss::None,
            (Purpose::Sweep, Answer::Listed(listed)) => state.sweep(listed),
            _ => {}
        }
        Ok(())
    }
}
