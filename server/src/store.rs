//! The only door to the database: one file a table below this one, SQL nowhere else.
//!
//! SQLite has one writer, which takes all writes that wait and commits them as one group: an answer leaves
//! after the commit of its group, so what was promised survives a power cut. PostgreSQL groups by itself.

mod agent_power;
mod apply;
mod approval;
mod audit;
mod backup;
pub mod bmc;
mod boot_key;
mod cluster;
mod cluster_task;
pub mod count;
mod facts;
mod find;
pub mod firmware;
pub mod history;
pub mod identity;
pub mod import;
mod inventory;
mod ladder;
pub mod lease;
pub mod list;
pub mod loader;
mod log;
pub mod machine;
mod merge;
mod node;
mod plan;
pub mod power;
mod rescue;
pub mod reservation;
mod seen;
mod session;
mod snapshot;
mod task;
mod token;
mod tombstone;
mod trace;
mod webhook;
mod wipe;
mod writer;

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::str::FromStr;

use futures::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Postgres, Sqlite};
use tokio::sync::{broadcast, mpsc};

pub use apply::Applied;
pub use backup::{copy_sqlite, sqlite_path};
pub use cluster::{Claim, ClusterRow};
pub use cluster_task::{ClusterTaskRow, NewClusterTask};
pub use node::NodeRow;
pub use task::{Finished, NewTask};
pub use token::{Holder, NewToken};
pub use webhook::{Mark, Told};
use writer::{Job, write_alone, write_grouped, write_loop};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the database's tables could not be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("the database holds `{text}` in {place}, which this version does not understand")]
    Stored { place: &'static str, text: String },
    #[error("the database's writer has stopped")]
    Stopped,
    #[error("the database did not keep what was written: {0}")]
    Lost(String),
    #[error("a write ended in a panic, and nothing of it was kept")]
    Panicked,
    #[error("the database {path} cannot be opened for its owner alone: {source}")]
    File { path: String, source: std::io::Error },
    #[error("`{0}` is neither sqlite://PATH nor postgres://…")]
    Url(String),
    #[error("no machine `{0}`")]
    NoMachine(String),
    #[error("no cluster `{0}`: the site file declares none of this name")]
    NoCluster(String),
    #[error("`{reference}` fits several machines: {names}")]
    Ambiguous { reference: String, names: String },
    #[error("another server changed this machine at the same time; try again")]
    Conflict,
}

pub type Result<T> = std::result::Result<T, Error>;

/// Runs one query text on whichever database is behind `$on` (a [`Conn`] or a [`Read`]); `$c` is the executor.
macro_rules! on {
    ($on:expr, $c:ident => $query:expr) => {
        match $on {
            $crate::store::Side::Sqlite($c) => $query,
            $crate::store::Side::Pg($c) => $query,
        }
    };
}
pub(crate) use on;

/// One statement in a write transaction of its own; the number of rows that it touched.
macro_rules! statement {
    ($store:expr, $query:expr) => {
        $store
            .write(move |conn| {
                Box::pin(async move {
                    Ok($crate::store::on!(conn, c => $query.execute(&mut **c).await.map(|done| done.rows_affected()))?)
                })
            })
            .await
    };
}
pub(crate) use statement;

/// The rows of a query that asks for machines `IN ($1)`: for these, with a place for each. No machine, no rows.
macro_rules! of_ids {
    ($store:expr, $sql:expr, $ids:expr) => {
        match $ids.is_empty() {
            true => Ok(Vec::new()),
            false => $crate::store::on!($store.read(), p => {
                let mut query = sqlx::query_as($crate::store::places($sql, $ids.len()));
                for id in $ids {
                    query = query.bind(id);
                }
                query.fetch_all(p).await.map_err($crate::store::Error::from)
            }),
        }
    };
}
pub(crate) use of_ids;

fn places(sql: &str, ids: usize) -> sqlx::AssertSqlSafe<String> {
    let places: Vec<String> = (1..=ids).map(|place| format!("${place}")).collect();
    sqlx::AssertSqlSafe(sql.replace("IN ($1)", &format!("IN ({})", places.join(", "))))
}

/// One of the two databases.
#[derive(Clone)]
pub enum Side<S, P> {
    Sqlite(S),
    Pg(P),
}

/// A connection inside a write transaction. Use it as `on!(conn, c => query.execute(&mut **c))`.
pub type Conn = Side<PoolConnection<Sqlite>, PoolConnection<Postgres>>;
/// Where reads go. Use it as `on!(store.read(), p => query.fetch_one(p))`.
pub type Read<'a> = Side<&'a SqlitePool, &'a PgPool>;

#[derive(Clone)]
pub struct Store {
    pools: Side<SqlitePools, PgPool>,
    /// Ids of machines whose row changed, for pages and watchers; a slow listener skips and resyncs.
    changes: broadcast::Sender<api::id::MachineId>,
}

#[derive(Clone)]
struct SqlitePools {
    read: SqlitePool,
    writes: mpsc::Sender<Job>,
}

impl Store {
    /// `url`: `sqlite://PATH` (created when absent) or `postgres://…`. Brings the tables up to date.
    pub async fn open(url: &str) -> Result<Store> {
        let pools = if let Some(path) = url.strip_prefix("sqlite://") {
            Side::Sqlite(open_sqlite(Path::new(path)).await?)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let pool = PgPoolOptions::new().max_connections(16).connect(url).await?;
            MIGRATIONS.run(&pool).await?;
            Side::Pg(pool)
        } else {
            return Err(Error::Url(url.into()));
        };
        Ok(Store { pools, changes: broadcast::channel(1024).0 })
    }

    pub fn read(&self) -> Read<'_> {
        match &self.pools {
            Side::Sqlite(pools) => Side::Sqlite(&pools.read),
            Side::Pg(pool) => Side::Pg(pool),
        }
    }

    pub fn changes(&self) -> broadcast::Receiver<api::id::MachineId> {
        self.changes.subscribe()
    }

    /// Tells watchers that a machine looks different now. Nobody listening is fine.
    pub fn changed(&self, machine: &api::id::MachineId) {
        let _ = self.changes.send(machine.clone());
    }

    /// One write transaction. Its value is returned after the commit; its error undoes only itself.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        match &self.pools {
            Side::Sqlite(pools) => write_grouped(&pools.writes, work).await,
            Side::Pg(pool) => write_alone(pool, work).await,
        }
    }
}

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

async fn open_sqlite(path: &Path) -> Result<SqlitePools> {
    owner_only(path).map_err(|source| Error::File { path: path.display().to_string(), source })?;
    let url = format!("sqlite://{}", path.display());
    let options = SqliteConnectOptions::from_str(&url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL may lose acknowledged commits in a power cut: double leases, a second wipe.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(std::time::Duration::from_secs(10));
    let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    MIGRATIONS.run(&writer).await?;
    let read = SqlitePoolOptions::new().max_connections(8).connect_with(options).await?;
    let (writes, jobs) = mpsc::channel(4096);
    tokio::spawn(write_loop(writer, jobs));
    Ok(SqlitePools { read, writes })
}

/// It holds hashes of tokens and boot keys, and all that agents report. SQLite gives its other files the same mode.
fn owner_only(path: &Path) -> std::io::Result<()> {
    let made = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    match made.metadata()?.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => made.set_permissions(Permissions::from_mode(0o600)),
    }
}

/// Whoever counts a machine's rows, or reads it before writing, waits here for the turn of this machine:
/// PostgreSQL runs transactions side by side, SQLite has one writer anyway. Taken before all other locks.
async fn lock(conn: &mut Conn, machine: &api::id::MachineId) -> Result<()> {
    if let Side::Pg(c) = conn {
        let sql = "SELECT id FROM machine WHERE id = $1 FOR NO KEY UPDATE";
        sqlx::query(sql).bind(&machine.0).execute(&mut **c).await?;
    }
    Ok(())
}

async fn execute(conn: &mut Conn, sql: &'static str) -> Result<()> {
    on!(conn, c => sqlx::query(sql).execute(&mut **c).await.map(drop))?;
    Ok(())
}

/// Reads an enum that is stored as its spelling.
fn stored<T: FromStr>(place: &'static str, text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::Stored { place, text: text.into() })
}
