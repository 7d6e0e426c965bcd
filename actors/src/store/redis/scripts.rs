//! The scripts, as Redis is given them.

use redis::aio::ConnectionLike;
use redis::{Cmd, RedisResult};

/// A script.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Script {
    /// `Call::Connect`.
    Connect,
    /// `Call::Subscribe`.
    Subscribe,
    /// `Call::Unsubscribe`.
    Unsubscribe,
    /// `Call::Take`.
    Take,
    /// `Call::Report`.
    Report,
    /// `Call::Leave`.
    Leave,
    /// `Call::End`.
    End,
    /// `Call::Renew`.
    Renew,
    /// `Call::List`.
    List,
    /// `Call::Configure`.
    Configure,
    /// `Call::Post`.
    Post,
    /// `Call::Load`.
    Load,
    /// `Call::Lost`.
    Lost,
    /// `Call::Beat`.
    Beat,
    /// `Call::Declare`.
    Declare,
    /// Forgets a channel in which nobody is.
    Forget,
}

impl Script {
    const ALL: [Self; 16] = [
        Self::Connect,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Take,
        Self::Report,
        Self::Leave,
        Self::End,
        Self::Renew,
        Self::List,
        Self::Configure,
        Self::Post,
        Self::Load,
        Self::Lost,
        Self::Beat,
        Self::Declare,
        Self::Forget,
    ];

    fn source(self) -> String {
        const BEGIN: &str = include_str!("scripts/begin.lua");
        const LOGS: &str = include_str!("scripts/logs.lua");
        const RECORDS: &str = include_str!("scripts/records.lua");
        let (parts, body): (&[&str], &str) = match self {
            Self::Connect => (&[LOGS, RECORDS], include_str!("scripts/connect.lua")),
            Self::Subscribe => (&[LOGS, RECORDS], include_str!("scripts/subscribe.lua")),
            Self::Unsubscribe => (&[LOGS, RECORDS], include_str!("scripts/unsubscribe.lua")),
            Self::Take => (&[LOGS, RECORDS], include_str!("scripts/take.lua")),
            Self::Report => (&[LOGS, RECORDS], include_str!("scripts/report.lua")),
            Self::Leave => (&[LOGS, RECORDS], include_str!("scripts/leave.lua")),
            Self::End => (&[LOGS, RECORDS], include_str!("scripts/end.lua")),
            Self::Renew => (&[LOGS, RECORDS], include_str!("scripts/renew.lua")),
            Self::List => (&[], include_str!("scripts/list.lua")),
            Self::Configure => (&[LOGS], include_str!("scripts/configure.lua")),
            Self::Post => (&[LOGS], include_str!("scripts/post.lua")),
            Self::Load => (&[LOGS], include_str!("scripts/load.lua")),
            Self::Lost => (&[], include_str!("scripts/lost.lua")),
            Self::Beat => (&[], include_str!("scripts/beat.lua")),
            Self::Declare => (&[], include_str!("scripts/declare.lua")),
            Self::Forget => (&[], include_str!("scripts/forget.lua")),
        };
        [&[BEGIN], parts, &[body]].concat().concat()
    }
}

/// The script that begins a term.
const FENCE: &str = include_str!("scripts/fence.lua");

/// The scripts that one process of Redis has loaded.
#[derive(Clone, Debug)]
pub struct Scripts {
    /// The name of each script, in the order of [`Script::ALL`].
    names: Vec<String>,
}

impl Scripts {
    /// Loads all scripts.
    ///
    /// # Errors
    /// Returns the error of Redis or of the connection.
    pub async fn load(connection: &mut impl ConnectionLike) -> RedisResult<Self> {
        let mut pipe = redis::pipe();
        for script in Script::ALL {
            pipe.cmd("SCRIPT").arg("LOAD").arg(script.source());
        }
        let names = pipe.query_async(connection).await?;
        Ok(Self { names })
    }

    /// Returns the command that runs a script. `keys` is the beginning of all keys.
    pub fn run(&self, script: Script, keys: &str) -> Cmd {
        let name = self.names.get(script as usize);
        let mut command = redis::cmd("EVALSHA");
        command
            .arg(name.map_or("", String::as_str))
            .arg(1)
            .arg(keys);
        command
    }
}

/// Begins a term for a process of Redis, unless another node has done so. `known` has the highest
/// term, turn and epoch that the node knows. Returns the term.
///
/// # Errors
/// Returns the error of Redis or of the connection.
pub async fn fence(
    connection: &mut impl ConnectionLike,
    keys: &str,
    process: &str,
    known: [u64; 3],
) -> RedisResult<u64> {
    let mut command = redis::cmd("EVAL");
    command.arg(FENCE).arg(1).arg(keys).arg(process).arg(&known);
    command.query_async(connection).await
}
