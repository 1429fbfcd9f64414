//! A database of each kind for the store's tests: SQLite in a temporary folder, and one of a PostgreSQL.

use server::store::Store;
use tempfile::TempDir;

use crate::postgres::Postgres;

/// A store and what keeps its files.
pub struct Database {
    pub store: Store,
    _folder: Option<TempDir>,
}

pub async fn sqlite() -> Database {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite://{}/db", folder.path().display())).await.unwrap();
    Database { store, _folder: Some(folder) }
}

pub async fn postgres(server: &Postgres, name: &str) -> Database {
    Database { store: Store::open(&server.create(name)).await.unwrap(), _folder: None }
}
