//! The way from a node to Redis. It can lose the answer to a call: it hands the call on, and closes
//! the connection when the answer comes.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::operation::CONNECTIONS;
use crate::side::conn_id;

/// The size of what is carried at once.
const PIECE: usize = 1 << 16;

/// The way from a node to Redis.
pub(crate) struct Wire {
    path: PathBuf,
    state: Rc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// Whether the next answer to a call is lost.
    loses: Cell<bool>,
    lost: Cell<usize>,
}

impl Wire {
    /// Listens on one socket, and carries everything to another one.
    pub(crate) fn new(path: PathBuf, to: PathBuf) -> Self {
        let listener = UnixListener::bind(&path).unwrap();
        let state = Rc::new(State::default());
        let shared = state.clone();
        let task = actix::spawn(async move {
            while let Ok((node, _)) = listener.accept().await {
                let (state, to) = (shared.clone(), to.clone());
                // An error ends the connection, which is all that there is to do.
                actix::spawn(async move { carry(node, &to, &state).await.ok() });
            }
        });
        Self { path, state, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.path.display())
    }

    /// Loses the answer to the next call that names something of a sequence.
    pub(crate) fn lose_answer(&self) {
        self.state.loses.set(true);
    }

    /// Loses no answer any more. Returns how many were lost since the last call.
    pub(crate) fn take_lost(&self) -> usize {
        self.state.loses.set(false);
        self.state.lost.take()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut node: UnixStream, to: &Path, state: &State) -> io::Result<()> {
    let mut redis = UnixStream::connect(to).await?;
    let (mut call, mut answer) = (vec![0; PIECE], vec![0; PIECE]);
    let mut is_lost = false;
    loop {
        tokio::select! {
            count = node.read(&mut call) => match count? {
                0 => return Ok(()),
                count => {
                    is_lost |= state.loses.get() && is_call(&call[..count]);
                    redis.write_all(&call[..count]).await?;
                }
            },
            count = redis.read(&mut answer) => match count? {
                0 => return Ok(()),
                _ if is_lost && state.loses.replace(false) => {
                    state.lost.set(state.lost.get() + 1);
                    return Ok(());
                }
                count => node.write_all(&answer[..count]).await?,
            },
        }
    }
}

/// Returns whether this is a call of a script that names a channel, a user or a connection. Nodes
/// also make calls that name none.
fn is_call(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let names_connection = |index| text.contains(&conn_id(index).to_string());
    text.contains("EVALSHA")
        && (text.contains("channel-")
            || text.contains("user-")
            || (0..CONNECTIONS).any(names_connection))
}
