//! The stored form of a user's state, of its public keys, and of the former epochs of a log.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::core::record::FormerEpochs;
use crate::position::Epoch;
use crate::protocol::state::{State, StateValue};
use crate::store::file::stored::Unreadable;

/// Reads a state. States are written by their own `Serialize`, which keeps the spelling of numbers.
pub(in crate::store::file) fn decode_state(text: &str) -> Result<State, Unreadable> {
    let values: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
    let values = values.into_iter().map(|(key, raw)| {
        let value = StateValue::from_json(raw)
            .ok_or_else(|| Unreadable::new(format!("the value of {key:?} is not a state value")))?;
        Ok((key, value))
    });
    values
        .collect::<Result<BTreeMap<_, _>, Unreadable>>()
        .map(Arc::new)
}

/// Returns the JSON of the former epochs of a log. For each run it has the number of the first
/// epoch, the number of epochs, and the offset at which they ended.
pub(in crate::store::file) fn encode_epochs(former: &[FormerEpochs]) -> Result<String, Unreadable> {
    let runs = former
        .iter()
        .map(|run| (u64::from(run.first), run.count, run.end));
    Ok(serde_json::to_string(&runs.collect::<Vec<_>>())?)
}

/// Reads the former epochs of a log.
pub(in crate::store::file) fn decode_epochs(text: &str) -> Result<Vec<FormerEpochs>, Unreadable> {
    let runs: Vec<(u64, u64, u64)> = serde_json::from_str(text)?;
    let runs = runs.into_iter().map(|(first, count, end)| FormerEpochs {
        first: Epoch::from(first),
        count,
        end,
    });
    Ok(runs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_keeps_the_spelling_of_its_numbers() {
        let text = concat!(
            r#"{"a":1,"b":1.0,"c":1e5,"d":-0.10E+7,"e":123456789012345678901234567890,"#,
            r#""f":null,"g":true,"h":false,"i":"\u0000 é 😀 \"","\u0000\n":"x"}"#
        );
        let state = decode_state(text).unwrap();
        let again = serde_json::to_string(&state).unwrap();
        assert_eq!(decode_state(&again).unwrap(), state);
        for number in [
            "1",
            "1.0",
            "1e5",
            "-0.10E+7",
            "123456789012345678901234567890",
        ] {
            assert!(again.contains(&format!(":{number},")), "{number}");
        }
        assert_eq!(state.get("i"), Some(&StateValue::Text("\0 é 😀 \"".into())));
        assert!(state.contains_key("\0\n"));
    }

    #[test]
    fn a_malformed_state_is_unreadable() {
        for text in ["", "[]", "{\"a\":[]}", "{\"a\":{}}", "{\"a\":1"] {
            assert!(decode_state(text).is_err(), "{text}");
        }
    }

    #[test]
    fn former_epochs_are_read_as_they_were_written() {
        let run = |first, count, end| FormerEpochs {
            first: Epoch::from(first),
            count,
            end,
        };
        let former = vec![run(u64::MAX, 2, 17), run(1, 1, 0)];
        let text = encode_epochs(&former).unwrap();
        assert_eq!(decode_epochs(&text).unwrap(), former);
    }
}
