//! Calls that happen once, however often they are made (`protocol.md` §13).

use bytestring::ByteString;

use crate::broker::Broker;
use crate::error::{Outcome, Refused};
use crate::ledger::{CallEnd, ClaimKey, Claimed, Settle};
use crate::request::{RequestId, run_in_scope};

pub use crate::ledger::Claim;

/// The result of a call with an `Idempotency-Key`.
#[derive(Debug)]
pub enum Once {
    /// The answer of the call, which was made now or before.
    Answer(ByteString),
    /// The key was used for another body.
    OtherBody,
}

/// An error of a call that happens once.
pub trait CallError: From<Refused> {
    /// Returns the outcome of the call.
    fn outcome(&self) -> Outcome;
}

impl Broker {
    /// Runs `call`, unless a call with this key and body was made before. In that case it returns
    /// the earlier answer. `call` is given a [`Claim`], so that a repeat after a restart uses the
    /// time and the ids of the interrupted call. A caller that hangs up does not stop the call,
    /// because a repeat must find its answer. When this returns, the changes of the call and its
    /// answer are kept as safely as the settings ask for.
    ///
    /// # Errors
    /// Returns the errors of `call`. The key is then free again, if the outcome is
    /// [`Outcome::NotDone`]. Returns [`Refused`] when the memory for keys is full
    /// (`idempotency_bytes`).
    pub async fn once<E, F>(
        &self,
        key: String,
        digest: [u8; 20],
        call: impl FnOnce(Claim) -> F + 'static,
    ) -> Result<Once, E>
    where
        E: CallError + 'static,
        F: Future<Output = Result<ByteString, E>> + 'static,
    {
        let (broker, ledger) = (self.clone(), self.ledger.get().cloned());
        let ledger = ledger.ok_or(Refused::TRY_AGAIN)?;
        let steps = async move {
            let claim_key = ClaimKey {
                key: key.clone(),
                digest,
            };
            let claimed = ledger
                .send(claim_key)
                .await
                .map_err(|_| Refused::TRY_AGAIN)?;
            let answer = match claimed? {
                Claimed::Done(answer) => answer,
                Claimed::OtherBody => return Ok(Once::OtherBody),
                Claimed::First(claim) => {
                    let answer = broker.make_claimed(&key, digest, claim, call).await;
                    let end = match &answer {
                        Ok(Some(answer)) => CallEnd::Answered(answer.clone()),
                        Ok(None) => CallEnd::Failed(Outcome::NotDone),
                        Err(error) => CallEnd::Failed(error.outcome()),
                    };
                    // Fails only when the server has stopped.
                    ledger.send(Settle { key, end }).await.ok();
                    match answer? {
                        Some(answer) => answer,
                        None => return Ok(Once::OtherBody),
                    }
                }
            };
            broker.wait_until_kept().await?;
            Ok(Once::Answer(answer))
        };
        actix::spawn(run_in_scope(RequestId::current(), steps))
            .await
            .unwrap_or_else(|_| Err(Refused::TRY_AGAIN.into()))
    }

    /// Makes a call that no other call of this server makes. In a cluster another node may have
    /// made it. Returns its answer; `None` if another node was given another body.
    async fn make_claimed<E, F>(
        &self,
        key: &str,
        digest: [u8; 20],
        claim: Claim,
        call: impl FnOnce(Claim) -> F,
    ) -> Result<Option<ByteString>, E>
    where
        E: CallError,
        F: Future<Output = Result<ByteString, E>>,
    {
        let Some(cluster) = &self.cluster else {
            return call(claim).await.map(Some);
        };
        let claim = match cluster.claim(key, digest, claim).await? {
            Claimed::Done(answer) => return Ok(Some(answer)),
            Claimed::OtherBody => return Ok(None),
            Claimed::First(claim) => claim,
        };
        let answer = call(claim).await;
        let kept = match &answer {
            Ok(answer) => Some(answer),
            Err(error) if error.outcome() == Outcome::NotDone => None,
            // A repeat makes the same messages, which are published once.
            Err(_) => return answer.map(Some),
        };
        // If this fails, a repeat makes the same messages.
        let _ = cluster.settle(key, digest, claim, kept).await;
        answer.map(Some)
    }
}
