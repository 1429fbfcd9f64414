//! Write transactions: SQLite's writer, which commits all that waits as one group, and PostgreSQL's, one at a time.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use tokio::sync::{mpsc, oneshot};

use super::{Conn, Error, Result, Side, execute};

/// What a grouped write does once it is known whether its group was committed.
type Finish = Box<dyn FnOnce(Result<()>) + Send>;
/// A write that waits for its turn: runs, says whether to keep what it did, and how to answer.
pub(super) type Job = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, (bool, Finish)> + Send>;

/// Writes that one commit may carry: more would make the first wait for the last.
const GROUP: usize = 128;

pub(super) async fn write_grouped<T, F>(writes: &mpsc::Sender<Job>, work: F) -> Result<T>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T>> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let job: Job = Box::new(move |conn| {
        Box::pin(async move {
            let outcome = unwound(work(conn)).await;
            let keep = outcome.is_ok();
            // The caller may be gone; what it asked for stands all the same.
            let finish: Finish = Box::new(move |committed| drop(answer.send(committed.and(outcome))));
            (keep, finish)
        })
    });
    writes.send(job).await.map_err(|_| Error::Stopped)?;
    answered.await.map_err(|_| Error::Stopped)?
}

pub(super) async fn write_loop(pool: SqlitePool, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.recv().await {
        let mut group = vec![first];
        while group.len() < GROUP {
            match jobs.try_recv() {
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        // Dropping a job unanswered tells its caller that the writer failed it.
        if let Err(error) = write_group(&pool, group).await {
            tracing::error!(%error, "a group of writes was not committed");
        }
    }
}

async fn write_group(pool: &SqlitePool, group: Vec<Job>) -> Result<()> {
    let mut conn: Conn = Side::Sqlite(pool.acquire().await?);
    let mut finishes = Vec::with_capacity(group.len());
    let committed = run_group(&mut conn, group, &mut finishes).await;
    if committed.is_err() {
        let _ = execute(&mut conn, "ROLLBACK").await;
    }
    for finish in finishes {
        finish(match &committed {
            Ok(()) => Ok(()),
            Err(error) => Err(Error::Lost(error.to_string())),
        });
    }
    committed
}

/// A defect in one write must neither end the writer of all nor leave its transaction to the next.
async fn unwound<T>(work: BoxFuture<'_, Result<T>>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Err(Error::Panicked))
}

async fn run_group(conn: &mut Conn, group: Vec<Job>, finishes: &mut Vec<Finish>) -> Result<()> {
    // IMMEDIATE: a deferred transaction that reads and then writes is refused when a checkpoint came between.
    execute(conn, "BEGIN IMMEDIATE").await?;
    for job in group {
        execute(conn, "SAVEPOINT job").await?;
        let (keep, finish) = job(conn).await;
        finishes.push(finish);
        if !keep {
            execute(conn, "ROLLBACK TO job").await?;
        }
        execute(conn, "RELEASE job").await?;
    }
    execute(conn, "COMMIT").await
}

/// In a task of its own: a caller that goes away must not leave a transaction open on a pooled connection.
pub(super) async fn write_alone<T, F>(pool: &PgPool, work: F) -> Result<T>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T>> + Send + 'static,
{
    let mut conn: Conn = Side::Pg(pool.acquire().await?);
    let alone = tokio::spawn(async move {
        execute(&mut conn, "BEGIN").await?;
        let outcome = unwound(work(&mut conn)).await;
        execute(&mut conn, if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
        outcome
    });
    alone.await.map_err(|_| Error::Stopped)?
}
