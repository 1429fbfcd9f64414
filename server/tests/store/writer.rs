//! How writes are kept: groups, failures, panics, callers that go away, and what a power cut may take.

use std::time::Duration;

use api::user::Role;
use server::store::{Conn, Error, NewToken, Result, Side, Store};

use crate::database::Database;

async fn put(conn: &mut Conn, hash: &'static str) -> Result<()> {
    let sql = "INSERT INTO token (hash, name, kind, created) VALUES ($1, 'n', 'token', 0)";
    match conn {
        Side::Sqlite(c) => sqlx::query(sql).bind(hash).execute(&mut **c).await.map(drop)?,
        Side::Pg(c) => sqlx::query(sql).bind(hash).execute(&mut **c).await.map(drop)?,
    }
    Ok(())
}

async fn add(store: &Store, hash: &'static str) -> Result<()> {
    store.write(move |conn| Box::pin(put(conn, hash))).await
}

async fn put_and_break(conn: &mut Conn) -> Result<()> {
    put(conn, "lost").await?;
    panic!("this test breaks a write")
}

async fn tokens(database: &Database) -> i64 {
    database.numbers("SELECT COUNT(*) FROM token").await[0]
}

pub async fn a_failed_write_undoes_only_itself(database: Database) {
    let store = &database.store;
    let twice = store.write(|conn| {
        Box::pin(async move {
            put(conn, "a").await?;
            put(conn, "b").await?;
            put(conn, "a").await
        })
    });
    let (twice, one, two) = tokio::join!(twice, add(store, "c"), add(store, "d"));
    assert!(matches!(twice, Err(Error::Database(_))));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(tokens(&database).await, 2);
}

fn token(hash: &str) -> NewToken {
    NewToken { hash: hash.into(), name: "n".into(), role: Role::Viewer, kind: "token", expires: None }
}

pub async fn a_panic_ends_one_write(database: Database) {
    let store = &database.store;
    for _ in 0..20 {
        let broken = store.write(|conn| Box::pin(put_and_break(conn)));
        let (broken, fine) = tokio::join!(broken, store.token_add(token("kept"), 0));
        assert!(matches!(broken, Err(Error::Panicked)));
        assert!(fine.is_ok());
    }
    add(store, "after").await.unwrap();
    assert_eq!(tokens(&database).await, 2, "nothing of the broken ones, on no connection");
}

pub async fn a_caller_that_went_away_leaves_nothing_open(database: Database) {
    let store = database.store.clone();
    let slow = tokio::spawn(async move {
        let work = store.write(|conn| {
            Box::pin(async move {
                put(conn, "slow").await?;
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok(())
            })
        });
        work.await
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    slow.abort();
    add(&database.store, "next").await.unwrap();
    for _ in 0..100 {
        if tokens(&database).await == 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("what was asked for stands, although nobody waits for it");
}

#[tokio::test]
async fn a_commit_survives_a_power_cut() {
    let database = Database::sqlite().await;
    let pragma = |sql: &'static str| {
        database.store.write(move |conn| {
            Box::pin(async move {
                let Side::Sqlite(c) = conn else { return Err(Error::Stopped) };
                Ok(sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut **c).await?)
            })
        })
    };
    assert_eq!(pragma("PRAGMA synchronous").await.unwrap(), 2, "FULL: synced before the answer leaves");
    assert_eq!(pragma("PRAGMA foreign_keys").await.unwrap(), 1);
    let Side::Sqlite(pool) = database.store.read() else { panic!("this is SQLite") };
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await.unwrap();
    assert_eq!(journal, "wal");
}

#[tokio::test]
async fn writes_that_wait_share_a_commit() {
    let database = Database::sqlite().await;
    let mut writes = tokio::task::JoinSet::new();
    for number in 0..500 {
        let store = database.store.clone();
        writes.spawn(async move { store.token_add(token(&number.to_string()), 0).await });
    }
    while let Some(write) = writes.join_next().await {
        write.unwrap().unwrap();
    }
    assert_eq!(tokens(&database).await, 500);
}
