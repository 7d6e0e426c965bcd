//! Calls that happen once, whichever node takes them.
//!
//! The first node that is asked keeps a claim in Redis: the ids and the time of the call. A node
//! that finds the claim of another one makes the call with the same ids. So it does no harm if both
//! make it, or if the first one has died in the middle: Redis takes each message once.

use bytestring::ByteString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::cluster::subscribing::{UNKNOWN, not_encoded};
use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::Call;
use crate::error::Refused;
use crate::ledger::{Claim, Claimed, Digest};
use crate::protocol::timestamp::Moment;

/// A claim, as Redis keeps it.
#[derive(Serialize, Deserialize)]
struct KeptClaim {
    digest: Digest,
    /// The time of the call, in microseconds since 1970.
    at: u64,
    seed: Uuid,
    /// The answer of the call; `None` while it is under way.
    answer: Option<String>,
}

impl Cluster {
    /// Keeps a claim to make a call, unless another node has one.
    pub(crate) async fn claim(
        &self,
        key: &str,
        digest: Digest,
        own: Claim,
    ) -> Result<Claimed, Refused> {
        let call = Call::Claim {
            key: key.to_owned(),
            claim: encode(digest, own, None)?,
        };
        let Answer::Claimed(kept) = self.node.read(call).await? else {
            return Err(UNKNOWN);
        };
        let kept: KeptClaim = serde_json::from_slice(&kept).map_err(not_encoded)?;
        Ok(match kept.answer {
            _ if kept.digest != digest => Claimed::OtherBody,
            Some(answer) => Claimed::Done(answer.into()),
            None => {
                let now = Moment::now();
                let ago = now.micros().saturating_sub(kept.at);
                let at = Moment::from_clocks(kept.at, now.uptime_micros().saturating_sub(ago));
                Claimed::First(Claim::of(at, own.is_repeat, kept.seed))
            }
        })
    }

    /// Keeps the answer of a call that was claimed, or forgets the claim.
    pub(crate) async fn settle(
        &self,
        key: &str,
        digest: Digest,
        claim: Claim,
        answer: Option<&ByteString>,
    ) -> Result<(), Refused> {
        let claim = match answer {
            Some(answer) => Some(encode(digest, claim, Some(answer.to_string()))?),
            None => None,
        };
        let key = key.to_owned();
        self.node.make(Call::Settle { key, claim }).await.map(drop)
    }
}

fn encode(digest: Digest, claim: Claim, answer: Option<String>) -> Result<bytes::Bytes, Refused> {
    let kept = KeptClaim {
        digest,
        at: claim.begun_at.micros(),
        seed: claim.seed(),
        answer,
    };
    Ok(serde_json::to_vec(&kept).map_err(not_encoded)?.into())
}
