//! Made for 10,000 machines: every query of the store is explained, and only those that a person asks for
//! now and then may read a whole table.

use std::collections::BTreeSet;

use server::store::Side;
use sqlx::{AssertSqlSafe, Row};

use crate::database::{Database, mac};

/// Beginnings of the queries that may scan: people's references and counts, the start of the server, clusters
/// and users, which are few, and the boot keys, which are as many as machines that boot right now.
const MAY_SCAN: [&str; 23] = [
    "SELECT machine, hostname, serial, profile, state, generation, installed, at, who FROM tombstone ORDER BY",
    "SELECT machine.id, machine.hostname, machine.profile",
    "SELECT id FROM machine WHERE LOWER(hostname) LIKE",
    "SELECT machine, value FROM label WHERE key",
    "SELECT DISTINCT key FROM label",
    "SELECT COUNT(*), CAST(COALESCE(SUM(version)",
    "SELECT * FROM cluster ORDER BY name",
    "SELECT name, role, created, expires FROM token",
    "SELECT * FROM machine WHERE hostname = $1 OR id LIKE",
    "SELECT COUNT(*) FROM machine WHERE profile",
    "UPDATE lease SET pooled = FALSE WHERE pooled",
    "WITH RECURSIVE pool",
    "DELETE FROM boot_key WHERE hash",
    "SELECT firmware.machine, firmware.task",
    // A partial index: the few that are waited for.
    "SELECT machine FROM power WHERE pending",
    "SELECT health, COUNT(*) FROM power",
    "SELECT trouble, COUNT(*) FROM power",
    "SELECT state, COUNT(*) FROM machine",
    "SELECT state, MIN(since) FROM machine",
    "SELECT COUNT(CASE WHEN hold",
    "SELECT kind, COUNT(*) FROM task",
    "SELECT network, COUNT(*)",
    "SELECT CAST(COALESCE(SUM((SELECT MAX(attempt)",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_packet_scans_a_table() {
    let database = Database::sqlite().await;
    fill(&database).await;
    let queries = queries();
    assert!(queries.len() > 40, "only {} queries were found in the store", queries.len());
    for query in queries.iter().filter(|query| !MAY_SCAN.iter().any(|may| query.starts_with(may))) {
        let plan = explain(&database, query).await;
        let scan = plan.iter().find(|step| step.starts_with("SCAN ") && *step != "SCAN CONSTANT ROW");
        assert_eq!(scan, None, "{query}");
    }
    for may in MAY_SCAN {
        assert!(queries.iter().any(|query| query.starts_with(may)), "no query begins with {may}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_machines_are_walked_in_pages() {
    let database = Database::sqlite().await;
    fill(&database).await;
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let page = database.store.machines(&after, 1000).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.id.clone();
        count += page.len();
    }
    assert_eq!(count, 10_000);
    let row = database.store.machine_by_mac(mac(0x42)).await.unwrap().unwrap();
    assert_eq!(row.id, "machine-00066");
    assert_eq!(database.store.machine_find("SN09999").await.unwrap().id, "machine-09999");
}

async fn fill(database: &Database) {
    database
        .execute(
            "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 9999)
             INSERT INTO machine (id, hostname, serial, state, since, generation, installed, errand, hold, maintenance,
                 power_off, clustered, enrolled, approved, erase_foreign, boot_id, session_generation, evidence, disk_boots, version)
             SELECT printf('machine-%05d', n), printf('node%05d', n), printf('SN%05d', n), 'active', 1, 1, 1, 'none', 0,
                 0, 0, 0, 1, 0, 0, '', 0, '', 0, 1 FROM n",
        )
        .await;
    database
        .execute(
            "INSERT INTO interface (mac, machine)
             SELECT printf('52:54:00:ab:%02x:%02x', n / 256, n % 256), id
             FROM (SELECT id, CAST(substr(id, 9) AS INTEGER) AS n FROM machine)",
        )
        .await;
}

async fn explain(database: &Database, query: &str) -> Vec<String> {
    let Side::Sqlite(pool) = database.store.read() else { panic!("this is SQLite") };
    let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}"));
    let steps = sqlx::query(sql).fetch_all(pool).await.unwrap_or_else(|error| panic!("{query}: {error}"));
    steps.iter().map(|step| step.get::<String, _>("detail")).collect()
}

/// Every text in the store's sources that is a query of SQLite.
fn queries() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut queries = BTreeSet::new();
    for file in files {
        let source = std::fs::read_to_string(&file).unwrap();
        for verb in ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "] {
            for (at, _) in source.match_indices(&format!("\"{verb}")) {
                let literal = source[at + 1..].split('"').next().unwrap_or_default();
                let text = literal.replace('\\', " ").split_whitespace().collect::<Vec<_>>().join(" ");
                if !text.contains(" FOR UPDATE") && !text.contains(" FOR NO KEY UPDATE") {
                    queries.insert(text);
                }
            }
        }
    }
    queries
}
