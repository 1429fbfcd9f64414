//! Who sits at which console: one person a machine, until that one leaves or somebody takes it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// All consoles of the site.
#[derive(Clone, Debug, Default)]
pub struct Desk(Arc<Mutex<HashMap<String, Seat>>>);

#[derive(Debug)]
struct Seat {
    who: String,
    /// In microseconds since 1970.
    since: i64,
    /// Why its person has to get up.
    up: watch::Sender<Option<&'static str>>,
    /// Closed once it is free.
    left: watch::Receiver<()>,
}

/// Somebody's place; it is free again when this is dropped.
#[derive(Debug)]
pub struct Sitting {
    desk: Desk,
    machine: String,
    up: watch::Receiver<Option<&'static str>>,
    _left: watch::Sender<()>,
}

/// Who sits there, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupied {
    pub who: String,
    pub since: i64,
}

const TAKEN: &str = "somebody else took it";
const STOPS: &str = "the server stops";
/// Whoever has to get up ends their console first: a slow BMC takes some seconds for that.
const GETTING_UP: Duration = Duration::from_secs(20);

impl Desk {
    /// `take`: whoever sits there has to get up, and has left when this returns.
    pub async fn sit(&self, machine: &str, who: &str, take: bool, now: i64) -> Result<Sitting, Occupied> {
        loop {
            let (occupied, mut left) = match self.try_sit(machine, who, take, now) {
                Ok(sitting) => return Ok(sitting),
                Err(seat) => seat,
            };
            if !take || tokio::time::timeout(GETTING_UP, left.changed()).await.is_err() {
                return Err(occupied);
            }
        }
    }

    fn try_sit(
        &self,
        machine: &str,
        who: &str,
        take: bool,
        now: i64,
    ) -> Result<Sitting, (Occupied, watch::Receiver<()>)> {
        let mut seats = self.seats();
        if let Some(seat) = seats.get(machine) {
            if take {
                seat.up.send_replace(Some(TAKEN));
            }
            return Err((Occupied { who: seat.who.clone(), since: seat.since }, seat.left.clone()));
        }
        let ((call, up), (leave, left)) = (watch::channel(None), watch::channel(()));
        seats.insert(machine.into(), Seat { who: who.into(), since: now, up: call, left });
        Ok(Sitting { desk: self.clone(), machine: machine.into(), up, _left: leave })
    }

    /// Everybody has to get up, and has left when this returns. For a server that stops: nobody sits down any more.
    pub async fn close(&self) {
        let left: Vec<_> = self
            .seats()
            .values()
            .map(|seat| {
                seat.up.send_replace(Some(STOPS));
                seat.left.clone()
            })
            .collect();
        for mut left in left {
            let _ = left.changed().await;
        }
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<String, Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sitting {
    /// Returns when its person has to get up, with the reason.
    pub async fn ends(&self) -> &'static str {
        let mut up = self.up.clone();
        loop {
            if let Some(why) = *up.borrow_and_update() {
                return why;
            }
            if up.changed().await.is_err() {
                return TAKEN;
            }
        }
    }
}

impl Drop for Sitting {
    fn drop(&mut self) {
        self.desk.seats().remove(&self.machine);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_sits_until_they_leave_or_somebody_takes_the_place() {
        let desk = Desk::default();
        let ada = desk.sit("m1", "ada", false, 1).await.unwrap();
        assert!(desk.sit("m2", "bob", false, 2).await.is_ok(), "another machine is another console");
        let occupied = desk.sit("m1", "bob", false, 3).await.unwrap_err();
        assert_eq!(occupied, Occupied { who: "ada".into(), since: 1 });
        let getting_up = async {
            let why = ada.ends().await;
            drop(ada);
            why
        };
        let (bob, why) = tokio::join!(desk.sit("m1", "bob", true, 4), getting_up);
        let bob = bob.unwrap();
        assert_eq!(why, TAKEN);
        assert_eq!(desk.sit("m1", "ada", false, 5).await.unwrap_err().who, "bob");
        drop(bob);
        assert!(desk.sit("m1", "ada", false, 6).await.is_ok());
    }

    #[tokio::test]
    async fn all_get_up_when_the_server_stops() {
        let desk = Desk::default();
        let ada = desk.sit("m1", "ada", false, 1).await.unwrap();
        let bob = desk.sit("m2", "bob", false, 1).await.unwrap();
        let getting_up = async {
            let whys = (ada.ends().await, bob.ends().await);
            drop((ada, bob));
            whys
        };
        let ((), whys) = tokio::join!(desk.close(), getting_up);
        assert_eq!(whys, (STOPS, STOPS));
        assert!(desk.seats().is_empty());
    }
}
