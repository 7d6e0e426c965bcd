//! Nodes that die or stop, and connections to Redis that are cut.

use channelstream_actors::name::ConnId;
use tokio::time::Instant;

use crate::operation::{CONNECTIONS, Ending, Kind, Operation, Return, USERS};
use crate::shared::node::Node;
use crate::shared::plan::NODES;
use crate::shared::world::World;
use crate::side::{conn_id, user_name};
use crate::world::Checked;

/// A transport that listened at a node that is gone.
struct Former {
    connection: usize,
    kind: Kind,
}

impl World {
    /// Cuts the connections on which nodes read the feed, or all of them.
    pub(crate) async fn cut(&mut self, all: bool) -> Checked {
        let mut redis = self.server.connect().await;
        if all {
            let mut kill = redis::cmd("CLIENT");
            kill.arg("KILL").arg("TYPE").arg("normal");
            let killed: usize = kill.query_async(&mut redis).await.unwrap();
            self.counts.cut_lines += usize::from(killed > 0);
            return Ok(());
        }
        let mut list = redis::cmd("CLIENT");
        list.arg("LIST");
        let list: String = list.query_async(&mut redis).await.unwrap();
        for reader in list.lines().filter(|line| line.contains("cmd=xread")) {
            let id = reader.split_once("id=").unwrap().1;
            let mut kill = redis::cmd("CLIENT");
            kill.arg("KILL").arg("ID").arg(id.split(' ').next());
            let killed: usize = kill.query_async(&mut redis).await.unwrap();
            self.counts.cut_feeds += killed;
        }
        Ok(())
    }

    /// Kills a node.
    pub(crate) async fn die(&mut self, node: usize, returns: Return) -> Checked {
        self.counts.deaths += 1;
        let left = self.leave(node, true).await?;
        let former = self.listening_at(node);
        self.replace(node).await?;
        for connection in self.clear_homes(node) {
            self.shared.clients[connection].lose();
            self.memory.clients[connection].end(Ending::Dropped);
        }
        self.go_on(node, former, returns).await?;
        self.counts.swept += usize::from(left.is_some());
        Ok(())
    }

    /// Stops a node in order.
    pub(crate) async fn stop(&mut self, node: usize, returns: Return) -> Checked {
        self.counts.stops += 1;
        // The clients of a node that stops do not part at once, and those of a broker do.
        self.leave(node, false).await?;
        let former = self.listening_at(node);
        self.nodes[node].broker.drain(Instant::now()).await;
        for Former { connection, .. } in &former {
            if self.shared.clients[*connection].listens().is_some() {
                return Err(format!("connection {connection} was not told to end"));
            }
        }
        self.replace(node).await?;
        for connection in self.clear_homes(node) {
            self.memory.clients[connection].end_at_restart();
        }
        self.go_on(node, former, returns).await
    }

    /// Starts another node in the place of one that ends.
    async fn replace(&mut self, node: usize) -> Checked {
        let next = Node::start(&self.server, &self.limits);
        let former = std::mem::replace(&mut self.nodes[node], next);
        let status = former.kill().await?;
        self.counts.note(&status);
        Ok(())
    }

    /// Compares both sides when a node is gone, and lets clients come back.
    async fn go_on(&mut self, node: usize, former: Vec<Former>, returns: Return) -> Checked {
        for connection in 0..CONNECTIONS {
            self.note_read(connection);
        }
        self.agree((node + 1) % NODES).await?;
        let stays_away = usize::from(!returns.all);
        for Former { connection, kind } in former.into_iter().skip(stays_away) {
            let attach = Operation::Attach {
                connection,
                kind,
                brings_position: returns.brings_position,
                is_narrow: false,
            };
            self.both(connection % NODES, attach).await?;
        }
        Ok(())
    }

    /// Lets all clients that count as present go to the other node, or all `but_one`, if clients
    /// without a socket count as absent at once. Several are made absent in any order, so clients
    /// would be told different things on both sides. Returns the one that stays, which listens.
    async fn leave(&mut self, node: usize, but_one: bool) -> Checked<Option<usize>> {
        if !self.setup.parts_at_once {
            return Ok(None);
        }
        let present = self.present().await;
        let is_here = |connection: &usize| {
            self.homes[*connection] == Some(node) && present.contains(&conn_id(*connection))
        };
        let mut here: Vec<_> = (0..CONNECTIONS).filter(is_here).collect();
        let left = but_one.then(|| here.pop()).flatten();
        let others = here.into_iter().map(|it| (it, (node + 1) % NODES));
        for (connection, node) in others.chain(left.map(|it| (it, node))) {
            let attach = Operation::Attach {
                connection,
                kind: Kind::Socket,
                brings_position: true,
                is_narrow: false,
            };
            self.both(node, attach).await?;
        }
        Ok(left)
    }

    /// Returns the connections that count as present.
    async fn present(&self) -> Vec<ConnId> {
        let mut present = Vec::new();
        for user in 0..USERS {
            let detail = self.memory.broker.inspect_user(user_name(user)).await;
            let connections = detail.unwrap().into_iter().flat_map(|it| it.connections);
            present.extend(connections.filter(|it| it.is_present).map(|it| it.conn_id));
        }
        present
    }

    fn listening_at(&self, node: usize) -> Vec<Former> {
        let listening = |connection: usize| {
            let (kind, _) = self.shared.clients[connection].listens()?;
            let is_here = self.homes[connection] == Some(node);
            is_here.then_some(Former { connection, kind })
        };
        (0..CONNECTIONS).filter_map(listening).collect()
    }

    /// Notes that no node answers any more for the connections of one. Returns them.
    fn clear_homes(&mut self, node: usize) -> Vec<usize> {
        let homes = self.homes.iter_mut().enumerate();
        let cleared = homes.filter_map(|(connection, home)| {
            (*home == Some(node)).then(|| *home = None)?;
            Some(connection)
        });
        cleared.collect()
    }
}
