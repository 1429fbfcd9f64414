//! What the running process counts and knows of itself, for monitoring: it begins anew with each start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::metrics::running::WireSeen;
use crate::{dhcp, tftp};

/// Shared by all listeners and by `/metrics`.
#[derive(Debug, Default)]
pub struct Live {
    /// Microseconds since 1970.
    pub started: i64,
    /// When the server's own certificate ends, in seconds since 1970.
    pub certificate_ends: i64,
    /// By the network's name.
    pub wires: BTreeMap<String, Wire>,
    pub responses: Responses,
    /// By the receiver's name: attempts since the last success.
    pub webhooks: BTreeMap<String, Arc<AtomicU64>>,
}

/// The protocols without HTTP, on one network.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    pub dhcp: Arc<dhcp::serve::Counters>,
    pub tftp: Arc<tftp::serve::Counters>,
}

impl Wire {
    pub fn seen(&self, network: &str) -> WireSeen {
        let (dhcp, tftp) = (&self.dhcp, &self.tftp);
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        WireSeen {
            network: network.into(),
            dhcp_received: count(&dhcp.received),
            dhcp_answered: count(&dhcp.answered),
            dhcp_failed: count(&dhcp.failed),
            dhcp_dropped: count(&dhcp.overloaded) + count(&dhcp.malformed),
            rivals: dhcp.rivals.lock().unwrap_or_else(PoisonError::into_inner).len() as u64,
            tftp: vec![
                ("complete", count(&tftp.complete)),
                ("failed", count(&tftp.failed)),
                ("probed", count(&tftp.probes)),
                ("refused", count(&tftp.refused)),
                ("overloaded", count(&tftp.overloaded)),
                ("malformed", count(&tftp.malformed)),
            ],
        }
    }
}

/// Answers over HTTP by the first digit of their status.
#[derive(Debug, Default)]
pub struct Responses([AtomicU64; 5]);

impl Responses {
    pub fn seen(&self) -> Vec<(&'static str, u64)> {
        let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        classes.into_iter().zip(self.0.iter().map(|counter| counter.load(Relaxed))).collect()
    }
}

/// Counts every answer of the router that it is a layer of.
pub async fn count(State(live): State<Arc<Live>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let class = usize::from(response.status().as_u16() / 100);
    if let Some(counter) = class.checked_sub(1).and_then(|class| live.responses.0.get(class)) {
        counter.fetch_add(1, Relaxed);
    }
    response
}
