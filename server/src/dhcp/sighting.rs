//! What the boot protocols saw of a client on the wire, told to whoever keeps the boot traces.

use api::id::Mac;
use api::trace::{Hop, HopName};
use tokio::sync::mpsc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    pub mac: Mac,
    /// It was boot firmware or a loader, not an operating system that renews its lease.
    pub by_firmware: bool,
    pub hop: Hop,
}

#[derive(Debug, Clone)]
pub struct Sightings(mpsc::Sender<Sighting>);

impl Sightings {
    /// `waiting` sightings at most wait for their reader; the rest are lost, because a slow trace
    /// must never slow a boot.
    pub fn channel(waiting: usize) -> (Sightings, mpsc::Receiver<Sighting>) {
        let (sender, receiver) = mpsc::channel(waiting);
        (Sightings(sender), receiver)
    }

    pub fn tell(&self, mac: Mac, by_firmware: bool, name: HopName, at: i64, detail: String) {
        let sighting = Sighting { mac, by_firmware, hop: Hop { name, at, detail } };
        if self.0.try_send(sighting).is_err() {
            tracing::debug!(%mac, hop = name.as_str(), "a hop was not kept: too many wait");
        }
    }
}
