//! A database of its own for each test, and short ways to ask it.

use api::event::Event;
use api::id::{Mac, MachineId};
use server::store::machine::Birth;
use server::store::{Applied, Side, Store};

use crate::postgres;

pub struct Database {
    pub store: Store,
    pub url: String,
    _folder: tempfile::TempDir,
}

impl Database {
    pub async fn sqlite() -> Database {
        let folder = folder();
        Database::open(format!("sqlite://{}/db", folder.path().display()), folder).await
    }

    pub async fn postgres() -> Database {
        Database::open(postgres::database().await, folder()).await
    }

    async fn open(url: String, folder: tempfile::TempDir) -> Database {
        Database { store: Store::open(&url).await.unwrap(), url, _folder: folder }
    }

    /// Another server on the same database, where that is possible: SQLite has one server.
    pub async fn replica(&self) -> Store {
        match self.store.read() {
            Side::Sqlite(_) => self.store.clone(),
            Side::Pg(_) => Store::open(&self.url).await.unwrap(),
        }
    }

    pub async fn born(&self, last: u8) -> MachineId {
        let birth = Birth { macs: vec![mac(last)], enrolled: true, ..Birth::default() };
        let id = MachineId(format!("m{last}"));
        self.store.machine_born(birth, id, 1).await.unwrap().id()
    }

    /// Some machines, `m1` and so on.
    pub async fn rack(&self, size: u8) -> Vec<MachineId> {
        let mut machines = Vec::new();
        for last in 1..=size {
            machines.push(self.born(last).await);
        }
        machines
    }

    pub async fn submit(&self, machine: &MachineId, event: Event, now: i64) -> Applied {
        self.store.submit(machine, event, "test", now).await.unwrap()
    }

    pub async fn numbers(&self, sql: &'static str) -> Vec<i64> {
        match self.store.read() {
            Side::Sqlite(pool) => sqlx::query_scalar(sql).fetch_all(pool).await.unwrap(),
            Side::Pg(pool) => sqlx::query_scalar(sql).fetch_all(pool).await.unwrap(),
        }
    }

    pub async fn execute(&self, sql: &'static str) {
        self.store
            .write(move |conn| {
                Box::pin(async move {
                    match conn {
                        Side::Sqlite(c) => sqlx::query(sql).execute(&mut **c).await.map(drop)?,
                        Side::Pg(c) => sqlx::query(sql).execute(&mut **c).await.map(drop)?,
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
    }
}

/// Who was woken since `changes` was last asked.
pub fn woken(changes: &mut tokio::sync::broadcast::Receiver<MachineId>) -> Vec<String> {
    let mut ids: Vec<String> = std::iter::from_fn(|| changes.try_recv().ok()).map(|id| id.0).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// In memory where there is such a place: what a disk makes of a commit is the crash test's to see.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub fn mac(last: u8) -> Mac {
    Mac([0x52, 0x54, 0, 0xab, 0, last])
}

pub fn gapless(numbers: &[i64]) -> bool {
    numbers.iter().copied().eq(1..=i64::try_from(numbers.len()).unwrap())
}
