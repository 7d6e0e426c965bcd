//! Chooses what the numbers of operations mean: which messages they publish and change.

use std::collections::BTreeMap;

use crate::operation::{Draft, Operation, Recipients};
use crate::step::Step;

/// The messages of a sequence.
#[derive(Default)]
pub(crate) struct Numbering {
    /// The recipients of each message, by its number.
    messages: Vec<Recipients>,
    /// The drafts that were first published under each idempotency key, and the number of the first
    /// message.
    calls: BTreeMap<usize, (Vec<Draft>, usize)>,
}

impl Numbering {
    /// Chooses what the numbers of an operation mean.
    pub(crate) fn step(&mut self, operation: Operation) -> Step {
        let mut step = Step {
            operation,
            first: self.messages.len(),
            target: None,
            brings: Vec::new(),
            absent: Vec::new(),
        };
        match &mut step.operation {
            Operation::Publish(drafts) => self
                .messages
                .extend(drafts.iter().map(|draft| draft.to.clone())),
            Operation::Once {
                key,
                drafts,
                has_other_body,
            } => {
                *has_other_body &= self.is_known(*key);
                step.first = self.first_of_call(*key, drafts);
            }
            Operation::CutOff { key, drafts, .. } => step.first = self.first_of_call(*key, drafts),
            Operation::Edit { back, .. } | Operation::Delete { back } => {
                let number = self.messages.len().checked_sub(*back + 1);
                step.target = number.map(|number| (number, self.messages[number].clone()));
            }
            _ => {}
        }
        step
    }

    /// Returns whether a call was made with this idempotency key.
    pub(crate) fn is_known(&self, key: usize) -> bool {
        self.calls.contains_key(&key)
    }

    /// Gives a repeated call the drafts of its first call, and returns the number of their first
    /// message.
    fn first_of_call(&mut self, key: usize, drafts: &mut Vec<Draft>) -> usize {
        let first = self.messages.len();
        let (known, first) = self.calls.entry(key).or_insert_with(|| {
            self.messages
                .extend(drafts.iter().map(|draft| draft.to.clone()));
            (drafts.clone(), first)
        });
        drafts.clone_from(known);
        *first
    }
}
