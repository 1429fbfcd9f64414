//! The alert rules, as Prometheus reads them: they parse, each fires when it should and not before, and a scrape is
//! in the format that it expects.

mod metald;

use api::user::Role;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use server::config::Site;
use server::http::boot::hash;
use server::http::secure;
use server::live::{Live, Wire};
use server::store::NewToken;
use tower::ServiceExt;

const TESTS: [&str; 2] = ["metald.tests.yml", "metald.days.tests.yml"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/alerts")
}

fn promtool(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("promtool");
    command
        .args(arguments)
        .current_dir(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool of the package `prometheus`");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}\n{said}");
    said
}

#[test]
fn every_rule_fires_when_it_should() {
    promtool(&["check", "rules", "metald.rules.yml"], "");
    promtool(&["test", "rules", TESTS[0], TESTS[1]], "");
}

#[test]
fn every_rule_is_tried() {
    let read = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap();
    let (rules, tests) = (read("metald.rules.yml"), TESTS.map(read).concat());
    let mut alerts = 0;
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "{alert} is in no test");
        alerts += 1;
    }
    assert!(alerts > 20, "only {alerts} alerts were found");
}

#[tokio::test]
async fn a_scrape_is_what_prometheus_expects() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("name = \"test\"\n[server]\nstate = \"{}\"\n", folder.path().display());
    let app = metald::app(&folder, Site::parse(&text).unwrap()).await;
    let (hash, name) = (hash("t"), "prometheus".into());
    let token = NewToken { hash, name, role: Role::Viewer, kind: "token", expires: None };
    app.store.token_add(token, 1).await.unwrap();
    let wires = [("rack".to_string(), Wire::default())].into();
    let live = Arc::new(Live { wires, ..Live::default() });
    let router = secure(app).layer(axum::Extension(live.clone()));
    let router = router.layer(axum::middleware::from_fn_with_state(live, server::live::count));
    let ask = |token: &str| {
        let request = Request::get("/metrics").header("authorization", format!("Bearer {token}"));
        router.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    assert_eq!(ask("another").await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let answer = ask("t").await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let text = String::from_utf8(to_bytes(answer.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap();
    assert_eq!(promtool(&["check", "metrics"], &text), "");
    for line in [
        "metald_http_responses_total{code=\"4xx\"} 1",
        "metald_dhcp_received_total{network=\"rack\"} 0",
        "metald_backup_timestamp_seconds 0",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    let end = text.lines().find_map(|line| line.strip_prefix("metald_authority_expiry_timestamp_seconds "));
    assert!(end.unwrap().parse::<i64>().unwrap() > 2_400_000_000, "twenty years from now");
}
