//! What the database's files give away: nothing that opens a cluster, and nothing to other accounts.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use server::seal::Seal;
use server::store::{NewClusterTask, Store};

use crate::database::Database;

/// The database and what SQLite keeps beside it.
fn files(database: &Database) -> Vec<PathBuf> {
    let path = database.url.trim_start_matches("sqlite://");
    let files: Vec<PathBuf> = ["", "-wal", "-shm"].iter().map(|end| format!("{path}{end}").into()).collect();
    files.into_iter().filter(|file| file.exists()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_not_in_the_files() {
    const SECRET: &[u8] = b"eyJhbGciOiJSUzI1NiIsImtpZCI6Im1ldGFsZCJ9";
    let database = Database::sqlite().await;
    let (store, state) = (&database.store, tempfile::tempdir().unwrap());
    let seal = Seal::open(state.path()).unwrap();
    let access = seal.seal("cluster.access/prod", SECRET);
    store.cluster_declare(vec!["prod".into()], 1).await.unwrap();
    store.cluster_adopt("prod", "a CA in clear".into(), access, 2).await.unwrap();
    let task = NewClusterTask {
        cluster: "prod".into(),
        key: "k".into(),
        step_kind: "upload_certificates",
        subject: None,
        executor: None,
        body: seal.seal("cluster_task/k", SECRET),
        deadline: i64::MAX,
    };
    store.cluster_task_add(task, 3).await.unwrap();
    let machine = database.born(1).await;
    let (id, body) = store.cluster_task_offer("prod", &machine, 4).await.unwrap().unwrap();
    assert_eq!(seal.unseal("cluster_task/k", &body).unwrap(), SECRET);
    assert!(seal.unseal("cluster.access/prod", &body).is_err(), "it opens in its own place only");
    store.cluster_task_result(&machine, &id, seal.seal("cluster_task.result/k", SECRET)).await.unwrap();
    let bytes: Vec<u8> = files(&database).iter().flat_map(|file| std::fs::read(file).unwrap()).collect();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(holds(b"a CA in clear"), "the files are those of this database");
    assert!(!holds(SECRET));
    assert!(!holds(hex::encode(SECRET).as_bytes()));
    assert!(!holds(hex::encode(SECRET).to_uppercase().as_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_are_their_owners() {
    let modes = |database: &Database| -> Vec<u32> {
        let mode = |file: &PathBuf| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
        files(database).iter().map(mode).collect()
    };
    let database = Database::sqlite().await;
    database.born(1).await;
    assert_eq!(modes(&database), [0o600; 3]);
    let path = database.url.trim_start_matches("sqlite://");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let again = Store::open(&database.url).await.unwrap();
    assert_eq!(modes(&database)[0], 0o600, "as an earlier version left it");
    assert_eq!(again.machines("", 5).await.unwrap().len(), 1);
    let nowhere = Store::open("sqlite:///nowhere/at/all/metald.db").await.err().unwrap().to_string();
    assert!(nowhere.contains("/nowhere/at/all/metald.db"), "{nowhere}");
}
