//! What BMCs do wrong, on demand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Each answer comes this much later.
    Slow(Duration),
    /// Connections and packets are taken, and nothing is answered.
    Hung,
    /// Takes every order for power and boot with thanks, carries out none, and says that it did.
    Lying,
    /// Boot overrides are taken and are gone a moment later.
    Forgetful,
    /// Name and password are right, and no session is opened.
    NoSessions,
    /// Another certificate is presented than the one so far (Redfish).
    OtherCertificate,
}

/// Shared by a BMC's protocols and the hand that causes faults.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    pub fn set(&self, faults: impl Into<Vec<Fault>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = faults.into();
    }

    pub fn has(&self, fault: Fault) -> bool {
        self.now().contains(&fault)
    }

    pub fn delay(&self) -> Option<Duration> {
        self.now().into_iter().find_map(|fault| match fault {
            Fault::Slow(by) => Some(by),
            _ => None,
        })
    }

    fn now(&self) -> Vec<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
