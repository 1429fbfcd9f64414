//! Ten thousand machines: what each list shows of them, and, asked for by hand, how long that takes:
//! `cargo test --release -p server --test lists -- --ignored --nocapture`.

mod metald;

use std::time::{Duration, Instant};

use api::user::Role;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use server::config::Site;
use server::http::boot::hash;
use server::http::secure;
use server::store::{NewToken, Side};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;
use tower::ServiceExt;

const SITE: &str = r#"
name = "large"

[[network]]
name = "rack"
interface = "srv0"
address = "10.64.0.1/16"
pool = ["10.64.1.0-10.64.200.255"]

[layout.plain]
root = { size = "4G", grow = true }

[profile.worker]
image = "debian-12"
layout = "plain"
hostname = "node{:05}"
"#;

/// Racks of 40, every one with a node, two ports, an address and two labels; some failed, waiting, held, in doubt.
const FILL: [&str; 7] = [
    "INSERT INTO machine (id, hostname, serial, profile, rack, unit, state, since, generation, installed, failed_in, reason,
        errand, hold, maintenance, power_off, clustered, enrolled, approved, erase_foreign, boot_id, session_generation,
        evidence, disk_boots, version)
     SELECT printf('019a0f3c-7b1e-7c40-9d2a-%012d', n), printf('node%05d', n), printf('SN%05d', n), 'worker',
        printf('R%03d', n / 40), n % 40 + 1,
        CASE n % 100 WHEN 1 THEN 'failed' WHEN 2 THEN 'available' WHEN 3 THEN 'installing' ELSE 'active' END, 1, 1, 1,
        CASE n % 100 WHEN 1 THEN 'installing' END, CASE n % 100 WHEN 1 THEN 'the disk lost what was written' END, 'none',
        n % 100 = 4 OR n = 5, 0, 0, 0, 1, 0, 0, '', 0, 'its agent in disk', 0, 1
     FROM (WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 9999) SELECT n FROM n)",
    "INSERT INTO interface (mac, machine)
     SELECT printf('52:54:0%d:ab:%02x:%02x', port, n / 256, n % 256), id
     FROM (SELECT id, CAST(substr(serial, 3) AS INTEGER) AS n FROM machine), (SELECT 0 AS port UNION SELECT 1)",
    "INSERT INTO label (machine, key, value) SELECT id, 'zone', substr('abcd', unit % 4 + 1, 1) FROM machine",
    "INSERT INTO label (machine, key, value) SELECT id, 'gpu', '' FROM machine WHERE unit % 10 = 0",
    "INSERT INTO lease (address, network, pooled, mac, state, until)
     SELECT 171966720 + CAST(substr(serial, 3) AS INTEGER), 'rack', 1,
        printf('52:54:00:ab:%02x:%02x', CAST(substr(serial, 3) AS INTEGER) / 256, CAST(substr(serial, 3) AS INTEGER) % 256),
        'leased', 9000000000000000 FROM machine",
    "INSERT INTO node (machine, cluster, role, generation, name, fenced, forced, leave_ready, body)
     SELECT id, 'prod', 'worker', 1, hostname, 0, 0, 0, json_object('machine', id, 'name', hostname, 'cluster', 'prod',
        'role', 'worker', 'uid', id, 'ready', json(CASE WHEN unit = 9 THEN 'false' ELSE 'true' END), 'reason', '', 'since', 1,
        'cordoned', json('false'), 'version', 'v1.36.3', 'address', '10.64.1.1', 'certificates', json('[]'), 'leaving', NULL)
     FROM machine WHERE state = 'active'",
    "INSERT INTO quarantine (machine, at, why, macs) SELECT id, 1, 'its board is another one', '' FROM machine
     WHERE serial = 'SN00005'",
];

struct Large {
    router: Router,
    _folder: TempDir,
}

impl Large {
    async fn new() -> Large {
        let folder = tempfile::tempdir().unwrap();
        let app = metald::app(&folder, Site::parse(SITE).unwrap()).await;
        for kind in ["token", "session"] {
            let (hash, name) = (hash(kind), "ada".to_string());
            let row = NewToken { hash, name, role: Role::Viewer, kind, expires: None };
            app.store.token_add(row, 1).await.unwrap();
        }
        let Side::Sqlite(pool) = app.store.read() else { panic!("this is SQLite") };
        for sql in FILL {
            sqlx::query(AssertSqlSafe(sql))
                .execute(pool)
                .await
                .unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
        Large { router: secure(app), _folder: folder }
    }

    async fn get(&self, path: &str) -> String {
        let request = Request::get(path)
            .header(header::AUTHORIZATION, "Bearer token")
            .header(header::COOKIE, "__Host-metald=session");
        let answer = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    /// All machines, as `metalctl machine list` asks for them.
    async fn json(&self) -> usize {
        let (mut after, mut count) = (String::new(), 0);
        loop {
            let text = self.get(&format!("/api/v1/machines?limit=1000&after={after}")).await;
            let page: serde_json::Value = serde_json::from_str(&text).unwrap();
            count += page["items"].as_array().unwrap().len();
            match page["next"].as_str() {
                Some(next) => after = next.into(),
                None => return count,
            }
        }
    }

    async fn median(&self, path: &str) -> Duration {
        let mut times = Vec::new();
        for _ in 0..11 {
            let begin = Instant::now();
            match path {
                "json" => _ = self.json().await,
                path => _ = self.get(path).await,
            }
            times.push(begin.elapsed());
        }
        times.sort();
        times[times.len() / 2]
    }
}

/// The names on a page, in their order.
fn names(page: &str) -> Vec<&str> {
    let rows = page.split("<th scope=\"row\">").skip(1);
    rows.map(|row| row.split_once("\">").unwrap().1.split_once('<').unwrap().0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_list_is_narrowed_and_paged() {
    let large = Large::new().await;
    let first = large.get("/").await;
    assert_eq!((names(&first).len(), names(&first)[0], names(&first)[40]), (200, "node00039", "node00079"));
    assert!(first.contains("<b>100</b> installing") && first.contains("1 to 200 of 10000"));
    let last = large.get("/?page=999").await;
    assert_eq!((names(&last).len(), *names(&last).last().unwrap()), (200, "node09960"));

    for (query, count, example) in [
        ("q=node0123", 10, "node01230"),
        ("q=SN00042", 1, "node00042"),
        ("q=52:54:00:ab:00:07", 1, "node00007"),
        ("q=525401ab0007", 1, "node00007"),
        ("q=10.64.1.7", 1, "node00007"),
        ("q=node0123+zone%3Da", 3, "node01231"),
        ("q=%25", 0, ""),
        ("state=failed&rack=R000", 1, "node00001"),
        ("label=gpu,zone!%3Da&rack=R001", 2, "node00049"),
        ("label=zone%3Da+gpu&rack=R001", 2, "node00059"),
        ("asks=held&rack=R000", 2, "node00004"),
        ("asks=bad&rack=R000", 2, "node00008"),
        ("quarantined=yes", 1, "node00005"),
        ("profile=worker&cluster=prod&rack=R249", 40, "node09999"),
        ("profile=spare", 0, ""),
        ("cluster=test", 0, ""),
    ] {
        let page = large.get(&format!("/?{query}")).await;
        let names = names(&page);
        assert_eq!(names.len(), count, "{query}: {names:?}");
        assert!(example.is_empty() || names.contains(&example), "{query}: {names:?}");
    }
    let wrong = large.get("/?state=booted&label=a%3Db%3Dc").await;
    assert!(wrong.contains("there is no state <code>booted</code>") && wrong.contains("value=\"a=b=c\""));
    assert_eq!(large.json().await, 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: it means something in a release build on a quiet machine"]
async fn ten_thousand_machines_are_listed_in_under_a_second() {
    let large = Large::new().await;
    let paths = [
        "/",
        "/?page=50",
        "/?q=node0123",
        "/?q=rack+zone%3Da",
        "/?label=gpu,zone!%3Da",
        "/?asks=bad",
        "json",
    ];
    for path in paths {
        let median = large.median(path).await;
        println!("{path:28} {median:8.1?}");
        assert!(median < Duration::from_secs(1), "{path} took {median:?}");
    }
}
