//! The scripts, as Redis is given them.

use redis::aio::ConnectionLike;
use redis::{Cmd, RedisResult};

use crate::store::redis::encoding::Limits;

/// A script.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Script {
    /// `Call::Connect`.
    Connect,
    /// `Call::Subscribe`.
    Subscribe,
    /// `Call::Unsubscribe`.
    Unsubscribe,
    /// `Call::Heard`.
    Heard,
    /// `Call::LookUp`.
    LookUp,
    /// `Call::LookUpUser`.
    LookUpUser,
    /// `Call::SetUser`.
    SetUser,
    /// `Call::Take`.
    Take,
    /// `Call::Break`.
    Break,
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
    /// `Call::Rewrite`.
    Rewrite,
    /// `Call::Load`.
    Load,
    /// `Call::Forget`.
    Forget,
    /// `Call::Claim`.
    Claim,
    /// `Call::Settle`.
    Settle,
    /// `Call::Hold`.
    Hold,
    /// `Call::Tell`.
    Tell,
    /// `Call::Keep`.
    Keep,
    /// `Call::Names`.
    Names,
    /// `Call::Exist`.
    Exist,
    /// `Call::Reach`.
    Reach,
    /// `Call::Lost`.
    Lost,
    /// `Call::Beat`.
    Beat,
    /// `Call::Declare`.
    Declare,
}

impl Script {
    const ALL: [Self; 30] = [
        Self::Connect,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Heard,
        Self::LookUp,
        Self::LookUpUser,
        Self::SetUser,
        Self::Take,
        Self::Break,
        Self::Report,
        Self::Leave,
        Self::End,
        Self::Renew,
        Self::List,
        Self::Configure,
        Self::Post,
        Self::Rewrite,
        Self::Load,
        Self::Forget,
        Self::Claim,
        Self::Settle,
        Self::Hold,
        Self::Tell,
        Self::Keep,
        Self::Names,
        Self::Exist,
        Self::Reach,
        Self::Lost,
        Self::Beat,
        Self::Declare,
    ];

    /// Returns the text. `limits` has the limits that it keeps to.
    fn source(self, limits: &str) -> String {
        const BEGIN: &str = include_str!("scripts/begin.lua");
        const LOGS: &str = include_str!("scripts/logs.lua");
        const RECORDS: &str = include_str!("scripts/records.lua");
        const USERS: &str = include_str!("scripts/users.lua");
        const SESSIONS: &str = include_str!("scripts/sessions.lua");
        const CHANGED: &str = include_str!("scripts/changed.lua");
        let (parts, body): (&[&str], &str) = match self {
            Self::Connect => (&[LOGS, RECORDS], include_str!("scripts/connect.lua")),
            Self::Subscribe => (&[LOGS, RECORDS], include_str!("scripts/subscribe.lua")),
            Self::Unsubscribe => (&[LOGS, RECORDS], include_str!("scripts/unsubscribe.lua")),
            Self::Heard => (&[LOGS, RECORDS], include_str!("scripts/heard.lua")),
            Self::LookUp => (&[], include_str!("scripts/look_up.lua")),
            Self::LookUpUser => (&[USERS], include_str!("scripts/look_up_user.lua")),
            Self::SetUser => (
                &[LOGS, RECORDS, CHANGED],
                include_str!("scripts/set_user.lua"),
            ),
            Self::Take => (&[LOGS, RECORDS], include_str!("scripts/take.lua")),
            Self::Break => (&[LOGS, RECORDS], include_str!("scripts/break.lua")),
            Self::Report => (&[LOGS, RECORDS], include_str!("scripts/report.lua")),
            Self::Leave => (&[LOGS, RECORDS], include_str!("scripts/leave.lua")),
            Self::End => (&[LOGS, RECORDS], include_str!("scripts/end.lua")),
            Self::Renew => (&[LOGS, RECORDS], include_str!("scripts/renew.lua")),
            Self::List => (&[], include_str!("scripts/list.lua")),
            Self::Configure => (&[LOGS], include_str!("scripts/configure.lua")),
            Self::Post => (&[LOGS], include_str!("scripts/post.lua")),
            Self::Rewrite => (&[LOGS, CHANGED], include_str!("scripts/rewrite.lua")),
            Self::Load => (&[LOGS, USERS], include_str!("scripts/load.lua")),
            Self::Forget => (&[LOGS], include_str!("scripts/forget.lua")),
            Self::Claim => (&[], include_str!("scripts/claim.lua")),
            Self::Settle => (&[], include_str!("scripts/settle.lua")),
            Self::Hold => (&[LOGS, SESSIONS], include_str!("scripts/hold.lua")),
            Self::Tell => (&[LOGS, SESSIONS], include_str!("scripts/tell.lua")),
            Self::Keep => (&[LOGS, SESSIONS, CHANGED], include_str!("scripts/keep.lua")),
            Self::Names => (&[], include_str!("scripts/names.lua")),
            Self::Exist => (&[], include_str!("scripts/exist.lua")),
            Self::Reach => (&[], include_str!("scripts/reach.lua")),
            Self::Lost => (&[], include_str!("scripts/lost.lua")),
            Self::Beat => (&[], include_str!("scripts/beat.lua")),
            Self::Declare => (&[], include_str!("scripts/declare.lua")),
        };
        [&[BEGIN, limits], parts, &[body]].concat().concat()
    }
}

/// The layout of the keys. It is raised when a version can no longer share its keys with the one
/// before. `begin.lua` describes them.
pub const LAYOUT: u32 = 1;

/// The script that begins a term.
const FENCE: &str = include_str!("scripts/fence.lua");

/// The scripts that one process of Redis has loaded.
#[derive(Clone, Debug)]
pub struct Scripts {
    /// The name of each script, in the order of [`Script::ALL`].
    names: Vec<String>,
}

impl Scripts {
    /// Loads all scripts, with the limits that they keep to.
    ///
    /// # Errors
    /// Returns the error of Redis or of the connection.
    pub async fn load(connection: &mut impl ConnectionLike, limits: &Limits) -> RedisResult<Self> {
        let limits = limits.to_string();
        let mut pipe = redis::pipe();
        for script in Script::ALL {
            pipe.cmd("SCRIPT").arg("LOAD").arg(script.source(&limits));
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
/// term, turn, epoch and version of a state that the node knows. Returns the term.
///
/// # Errors
/// Returns the error of Redis or of the connection.
pub async fn fence(
    connection: &mut impl ConnectionLike,
    keys: &str,
    process: &str,
    known: [u64; 4],
) -> RedisResult<u64> {
    let mut command = redis::cmd("EVAL");
    command
        .arg(FENCE)
        .arg(1)
        .arg(keys)
        .arg(process)
        .arg(&known)
        .arg(LAYOUT);
    command.query_async(connection).await
}
