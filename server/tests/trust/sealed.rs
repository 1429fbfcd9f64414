//! What is sealed opens in its own place only: a cell of the database that is copied to another task's row is of no
//! use there.

use std::time::Duration;

use api::cluster::{ClusterResult, ClusterStep};
use server::cluster::steps::{self, Step};
use server::store::Side;

use crate::bench::Bench;

#[tokio::test]
async fn a_cell_that_is_moved_to_another_task_does_not_open() {
    let bench = Bench::new("enroll").await;
    let store = &bench.app.store;
    store.cluster_declare(vec!["prod".into()], 1).await.unwrap();
    let mut tasks = Vec::new();
    for (key, step) in [("one", ClusterStep::Members), ("two", ClusterStep::Snapshot)] {
        let patience = Duration::from_secs(60);
        let step = Step { key: key.into(), step, subject: None, executor: None, patience };
        let id = steps::ask(&bench.app, "prod", step, 1).await.unwrap();
        tasks.push(store.cluster_task(&id).await.unwrap().unwrap());
    }
    let [mut one, two] = <[_; 2]>::try_from(tasks).unwrap();
    assert_eq!(steps::open(&bench.app, &one).unwrap().kind(), "members");
    assert_eq!(steps::open(&bench.app, &two).unwrap().kind(), "snapshot");

    let result = ClusterResult::Members { members: vec![] };
    one.result = Some(steps::seal_result(&bench.app, &two, &result).unwrap());
    assert!(steps::result(&bench.app, &one).is_err(), "another task's result");
    one.result = Some(steps::seal_result(&bench.app, &one, &result).unwrap());
    assert_eq!(steps::result(&bench.app, &one).unwrap(), Some(result));

    let Side::Sqlite(pool) = store.read() else { panic!("this is SQLite") };
    let sql =
        "UPDATE cluster_task SET body = (SELECT body FROM cluster_task WHERE key = 'two') WHERE key = 'one'";
    sqlx::query(sql).execute(pool).await.unwrap();
    let moved = store.cluster_task(&one.id).await.unwrap().unwrap();
    assert!(steps::open(&bench.app, &moved).is_err(), "another task's body");
}
