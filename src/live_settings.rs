//! The settings in force, and what is derived from them. Some settings can change while the server
//! runs (`settings/reload.rs`).

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::settings::Settings;
use crate::signature::session_ids::SessionIds;
use crate::signature::user_signature::UserSignatures;
use crate::signature::verifier::SignatureVerifier;

/// The settings in force, and what is derived from them.
pub struct CurrentSettings {
    /// The settings.
    pub settings: Settings,
    /// The check whether a caller may make signed calls.
    pub verifier: SignatureVerifier,
    /// The check whether a page may listen as a user; `None` if no page may.
    pub user_signatures: Option<UserSignatures>,
    /// Makes and checks the ids of sessions that nodes share.
    pub session_ids: SessionIds,
}

impl CurrentSettings {
    fn new(settings: Settings) -> Self {
        Self {
            verifier: SignatureVerifier::new(&settings),
            user_signatures: UserSignatures::new(&settings),
            session_ids: SessionIds::new(&settings),
            settings,
        }
    }
}

/// A shared handle to the settings in force, which are replaced as a whole. All clones share them.
/// Reading them takes no lock.
#[derive(Clone)]
pub struct LiveSettings(Arc<ArcSwap<CurrentSettings>>);

impl LiveSettings {
    /// Creates the handle with the settings of the server's start.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(CurrentSettings::new(
            settings,
        ))))
    }

    /// Returns what is in force now, for code that does not wait while it uses the result.
    pub fn current(&self) -> Guard<Arc<CurrentSettings>> {
        self.0.load()
    }

    /// Returns what is in force now, for code that waits while it uses the result.
    pub fn snapshot(&self) -> Arc<CurrentSettings> {
        self.0.load_full()
    }

    /// Replaces what is in force. Requests that have already read the old settings keep using them.
    pub fn replace(&self, settings: Settings) {
        self.0.store(Arc::new(CurrentSettings::new(settings)));
    }
}
