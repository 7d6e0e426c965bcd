//! Calls that happen once, however often they are made (`protocol.md` §13).

use bytestring::ByteString;

use crate::broker::Broker;
use crate::directory::tell;
use crate::error::Refused;
use crate::ledger::{ClaimKey, Claimed, Settle};

/// What became of a call with an `Idempotency-Key`.
#[derive(Debug)]
pub enum Once {
    /// The answer of the call, made now or the first time.
    Answer(ByteString),
    /// The key was used for another body.
    OtherBody,
}

impl Broker {
    /// Runs `call` unless a call with this key and body was made before. Then it returns the answer
    /// of that one. A caller that hangs up does not stop the call: a repeat must find its answer.
    ///
    /// # Errors
    /// The errors of `call`, after which the key is free again, and [`Refused`] when the memory for
    /// keys is full (`idempotency_bytes`).
    pub async fn once<E: From<Refused> + 'static>(
        &self,
        key: String,
        digest: [u8; 20],
        call: impl Future<Output = Result<ByteString, E>> + 'static,
    ) -> Result<Once, E> {
        let ledger = self.ledger.get().cloned().ok_or(Refused::SOON)?;
        let steps = async move {
            match ledger
                .send(ClaimKey {
                    key: key.clone(),
                    digest,
                })
                .await
            {
                Ok(Ok(Claimed::Done(answer))) => return Ok(Once::Answer(answer)),
                Ok(Ok(Claimed::OtherBody)) => return Ok(Once::OtherBody),
                Ok(Ok(Claimed::First)) => {}
                Ok(Err(refused)) => return Err(refused.into()),
                Err(_) => return Err(Refused::SOON.into()),
            }
            let answer = call.await;
            tell(
                &ledger,
                Settle {
                    key,
                    answer: answer.as_ref().ok().cloned(),
                },
            );
            answer.map(Once::Answer)
        };
        actix::spawn(steps)
            .await
            .unwrap_or_else(|_| Err(Refused::SOON.into()))
    }
}
