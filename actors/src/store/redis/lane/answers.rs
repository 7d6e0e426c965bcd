//! What the answers of Redis to the calls of a lane mean.

use bytes::Bytes;
use redis::{RedisError, RedisResult, Value};

use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::Call;
use crate::store::redis::decoding;
use crate::store::redis::resolver::error;

/// Why a call has no answer.
pub(super) enum Unanswered {
    /// Redis refuses to write now, and nothing was done. Another connection does not help.
    Refused(RedisError),
    /// The script has failed in the middle, or its answer cannot be read.
    Failed,
    /// The call must be made again on another connection.
    Again(RedisError),
}

/// Reads the answer to a call.
///
/// # Errors
/// Returns why there is none.
pub(super) fn read(
    call: &Call<Bytes>,
    answer: RedisResult<Value>,
) -> Result<Answer<Bytes>, Unanswered> {
    match answer {
        Ok(value) => match decoding::answer(call, &value) {
            Ok(Answer::OtherTerm(_)) => Err(Unanswered::Again(error("another term has begun"))),
            Ok(answer) => Ok(answer),
            // Another version has written it. The next attempt would fail as well.
            Err(unreadable) => {
                log::error!("Redis has something that this version cannot read: {unreadable}");
                Err(Unanswered::Failed)
            }
        },
        // Redis checks before a script begins whether it may write.
        Err(error) if matches!(error.code(), Some("OOM" | "MISCONF" | "NOREPLICAS")) => {
            Err(Unanswered::Refused(error))
        }
        // This is a fault of this server.
        Err(error) if error.code() == Some("ERR") => {
            log::error!("Redis could not finish a script: {error}");
            Err(Unanswered::Failed)
        }
        // For example, Redis does not have the script, is loading, or has become a replica.
        Err(error) => Err(Unanswered::Again(error)),
    }
}

/// Returns whether a call is one that `redis_replicas` is about: a change that a caller has asked
/// for. If Redis loses one of the other changes, the nodes notice it, and make it again.
pub(super) fn waits_for_replicas(call: &Call<Bytes>) -> bool {
    matches!(
        call,
        Call::Connect { .. }
            | Call::Subscribe { .. }
            | Call::Unsubscribe { .. }
            | Call::SetUser { .. }
            | Call::Configure { .. }
            | Call::Post { .. }
            | Call::Rewrite { .. }
            | Call::End { .. }
    )
}
