//! Who sits at which console: one person a machine, until that one leaves or somebody takes it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// All consoles of the site.
#[derive(Clone, Debug, Default)]
pub struct Desk(Arc<Mutex<HashMap<String, Seat>>>);

#[derive(Debug)]
struct Seat {
    who: String,
    /// In microseconds since 1970.
    since: i64,
    taken: Arc<Notify>,
    /// Closed once it is free.
    left: watch::Receiver<()>,
}

/// Somebody's place; it is free again when this is dropped.
#[derive(Debug)]
pub struct Sitting {
    desk: Desk,
    machine: String,
    taken: Arc<Notify>,
    _left: watch::Sender<()>,
}

/// Who sits there, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupied {
    pub who: String,
    pub since: i64,
}

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
                seat.taken.notify_one();
            }
            return Err((Occupied { who: seat.who.clone(), since: seat.since }, seat.left.clone()));
        }
        let (taken, (leave, left)) = (Arc::new(Notify::new()), watch::channel(()));
        seats.insert(machine.into(), Seat { who: who.into(), since: now, taken: taken.clone(), left });
        Ok(Sitting { desk: self.clone(), machine: machine.into(), taken, _left: leave })
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<String, Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sitting {
    /// Returns when somebody else wants the place.
    pub async fn taken(&self) {
        self.taken.notified().await;
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
            ada.taken().await;
            drop(ada);
        };
        let (bob, ()) = tokio::join!(desk.sit("m1", "bob", true, 4), getting_up);
        let bob = bob.unwrap();
        assert_eq!(desk.sit("m1", "ada", false, 5).await.unwrap_err().who, "bob");
        drop(bob);
        assert!(desk.sit("m1", "ada", false, 6).await.is_ok());
    }
}
