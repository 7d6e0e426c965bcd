//! What follows from the settings that can change while the server runs (`settings/reload.rs`).

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::settings::Settings;
use crate::signature::verifier::SignatureVerifier;

/// The settings in force, and what is made of them.
pub struct InForce {
    /// The settings.
    pub settings: Settings,
    /// Checks who may make signed calls.
    pub verifier: SignatureVerifier,
}

impl InForce {
    fn new(settings: Settings) -> Self {
        Self {
            verifier: SignatureVerifier::new(&settings),
            settings,
        }
    }
}

/// The settings in force, which are replaced as a whole. Cloning shares them. Reading them takes no
/// lock.
#[derive(Clone)]
pub struct Live(Arc<ArcSwap<InForce>>);

impl Live {
    /// Begins with the settings of the start.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(InForce::new(settings))))
    }

    /// Returns what is in force now, for use within a step that does not wait.
    pub fn now(&self) -> Guard<Arc<InForce>> {
        self.0.load()
    }

    /// Returns what is in force now, for use within steps that wait.
    pub fn snapshot(&self) -> Arc<InForce> {
        self.0.load_full()
    }

    /// Replaces what is in force. Requests that have read it already go on by what they have read.
    pub fn replace(&self, settings: Settings) {
        self.0.store(Arc::new(InForce::new(settings)));
    }
}
