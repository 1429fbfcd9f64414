//! Whole pages against files in `golden/`. `UPDATE_GOLDEN=1` writes them anew: read what changed.

use std::fmt::Debug;
use std::path::Path;

use api::cluster::{Cluster, ClusterDetail};
use api::machine::{Erasure, LogEntry, Machine, MachineDetail, Why};
use serde::de::DeserializeOwned;
use web::{MachineView, Paging, Verb, Visitor};

/// 2026-11-24 08:00:00Z, in microseconds since 1970.
const NOW: i64 = 1_795_507_200_000_000;

fn visitor() -> Visitor {
    Visitor { operator: "admin".into(), csrf: "csrf-of-this-session".into() }
}

/// The answers of a server, shared with the command line's tests.
fn answer<T: DeserializeOwned + Debug>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn why() -> Why {
    answer("why.json")
}

/// The hashes in the assets' names are left out: a change of style is no change of the page.
fn golden(name: &str, got: &str) {
    let got = without_hashes(got);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &got).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(got == want, "{name} differs; UPDATE_GOLDEN=1 writes it anew\n--- want\n{want}\n--- got\n{got}");
}

fn without_hashes(page: &str) -> String {
    let mut parts = page.split("/static/");
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |page, part| {
        let (file, rest) = part.split_once('"').unwrap();
        let (stem, ending) = (file.split('.').next().unwrap(), file.rsplit('.').next().unwrap());
        format!("{page}/static/{stem}.HASH.{ending}\"{rest}")
    })
}

#[test]
fn login() {
    golden("login.html", &web::login_page(None, NOW).unwrap());
    golden("login-refused.html", &web::login_page(Some("That token is not known here"), NOW).unwrap());
}

#[test]
fn error() {
    let page = web::error_page(
        404,
        "No machine is called `node70`",
        Some("The rack shows what there is"),
        Some(&visitor()),
        NOW,
    );
    golden("error.html", &page.unwrap());
}

#[test]
fn rack() {
    let rack: Vec<Machine> = answer("rack.json");
    let clusters: Vec<Cluster> = answer("clusters.json");
    golden("rack.html", &web::rack_page((&rack, &clusters), &Paging::default(), &visitor(), NOW).unwrap());
    golden("rack-empty.html", &web::rack_page((&[], &[]), &Paging::default(), &visitor(), NOW).unwrap());
}

#[test]
fn a_long_rack_is_paged() {
    let rack: Vec<Machine> = answer("rack.json");
    let page = |after: &str, next: Option<&str>| {
        let paging = Paging { after: after.into(), next: next.map(String::from) };
        web::rack_page((&rack, &[]), &paging, &visitor(), NOW).unwrap()
    };
    assert!(page("", Some("x1")).contains("href=\"/?after=x1\""));
    assert!(!page("x0", None).contains("/?after=") && page("x0", None).contains("First machines"));
    assert!(!page("", None).contains("id=\"paging\""));
}

#[test]
fn a_row_alone_is_the_row_of_the_page() {
    let rack: Vec<Machine> = answer("rack.json");
    let clusters: Vec<Cluster> = answer("clusters.json");
    let page = web::rack_page((&rack, &clusters), &Paging::default(), &visitor(), NOW).unwrap();
    for cluster in &clusters {
        assert!(page.contains(&web::cluster_chip(cluster).unwrap()), "{}", cluster.name);
    }
    for machine in &rack {
        assert!(page.contains(&web::rack_row(machine, NOW).unwrap()), "{}", machine.name());
    }
}

#[test]
fn machine() {
    let (detail, logs): (MachineDetail, Vec<LogEntry>) = (answer("node07.json"), answer("logs.json"));
    let view = MachineView { detail: &detail, why: &why(), logs: &logs };
    golden("machine.html", &web::machine_page(view, &visitor(), NOW).unwrap());
}

#[test]
fn machine_before_the_first_inspection() {
    let machine = answer::<Vec<Machine>>("rack.json").pop().unwrap();
    let why = answer("why-new.json");
    let detail =
        MachineDetail { machine, facts: None, plan: None, wipe: None, attempts: vec![], history: vec![] };
    let view = MachineView { detail: &detail, why: &why, logs: &[] };
    golden("machine-new.html", &web::machine_page(view, &visitor(), NOW).unwrap());
}

#[test]
fn machine_with_a_bmc_that_hangs() {
    let mut detail: MachineDetail = answer("node07.json");
    let power = serde_json::json!({
        "driver": "redfish", "address": "10.0.0.7", "origin": "found", "power": "on", "read_at": NOW - 31_000_000,
        "health": "hung", "health_since": NOW - 600_000_000, "doing": "cycle", "trouble": "none",
        "sentence": "its BMC failed 3 times in a row: hung: <b>no answer</b> in 10 s",
        "todo": "`metalctl bmc reset node07` restarts it"
    });
    detail.machine.power = Some(serde_json::from_value(power).unwrap());
    let view = MachineView { detail: &detail, why: &why(), logs: &[] };
    let page = web::machine_page(view, &visitor(), NOW).unwrap();
    let (_, card) = page.split_once("<section id=\"power\"").unwrap();
    golden("machine-power.html", card.split("</section>").next().unwrap());
    detail.machine.hold = true;
    let view = MachineView { detail: &detail, why: &why(), logs: &[] };
    let held = web::machine_page(view, &visitor(), NOW).unwrap();
    assert!(!held.contains("/power/cycle"), "hands may be in its chassis");
}

#[test]
fn every_fragment_is_a_section_of_the_page() {
    let (detail, logs): (MachineDetail, Vec<LogEntry>) = (answer("node07.json"), answer("logs.json"));
    let view = MachineView { detail: &detail, why: &why(), logs: &logs };
    let page = web::machine_page(view, &visitor(), NOW).unwrap();
    for section in web::machine_fragments(view, &visitor(), NOW).unwrap() {
        assert!(
            section.starts_with("<section id=\"") && section.matches("<section").count() == 1,
            "{section}"
        );
        assert!(page.contains(&section), "{section}");
    }
}

#[test]
fn machine_with_its_node() {
    let machine = answer::<Vec<Machine>>("rack.json").into_iter().find(|m| m.name() == "node06").unwrap();
    let why = answer("why-new.json");
    let detail =
        MachineDetail { machine, facts: None, plan: None, wipe: None, attempts: vec![], history: vec![] };
    let view = MachineView { detail: &detail, why: &why, logs: &[] };
    golden("machine-node.html", &web::machine_page(view, &visitor(), NOW).unwrap());
}

#[test]
fn a_machine_that_waits_for_nothing_and_does_not_serve_says_why() {
    let machine = answer::<Vec<Machine>>("rack.json").into_iter().find(|m| m.name() == "node02").unwrap();
    let detail =
        MachineDetail { machine, facts: None, plan: None, wipe: None, attempts: vec![], history: vec![] };
    let mut why = why();
    (why.sentence, why.cause) = ("its node is NotReady".into(), "its kubelet is silent".into());
    let page = |why: &Why| {
        let view = MachineView { detail: &detail, why, logs: &[] };
        web::machine_page(view, &visitor(), NOW).unwrap()
    };
    assert!(page(&why).contains("<p class=\"notice\" data-tone=\"bad\">its node is NotReady</p>"));
    assert!(page(&why).contains("its kubelet is silent") && !page(&why).contains("Waits for nothing"));
    why.cause = String::new();
    assert!(page(&why).contains("Waits for nothing"));
}

#[test]
fn cluster() {
    let mut prod: ClusterDetail = answer("cluster.json");
    let page = web::cluster_page(&prod, &visitor(), NOW).unwrap();
    golden("cluster.html", &page);
    for section in web::cluster_fragments(&prod, NOW).unwrap() {
        assert!(
            section.starts_with("<section id=\"") && section.matches("<section").count() == 1,
            "{section}"
        );
        assert!(page.contains(&section), "{section}");
    }
    (prod.nodes, prod.tasks, prod.snapshots) = Default::default();
    golden("cluster-empty.html", &web::cluster_page(&prod, &visitor(), NOW).unwrap());
}

#[test]
fn confirm() {
    let detail: MachineDetail = answer("node07.json");
    let mut erasure: Erasure = answer("erasure.json");
    let page = |erasure: &Erasure, message| {
        web::confirm_page(&detail.machine, erasure, Verb::Reprovision, message, &visitor(), NOW).unwrap()
    };
    golden("confirm.html", &page(&erasure, None));
    golden("confirm-mistyped.html", &page(&erasure, Some("`node70` is not `node07`: nothing was done")));
    erasure.refusal = Some("two disks fit the rule equally well".into());
    golden("confirm-refused.html", &page(&erasure, None));
}

#[test]
fn hardware_that_lies_writes_no_html() {
    let hostile = "\"><script>alert('x')</script>";
    let mut detail: MachineDetail = answer("node07.json");
    let facts = detail.facts.as_mut().unwrap();
    facts.disks[1].model = hostile.into();
    facts.disks[1].content.signatures = vec![hostile.into()];
    facts.system.serial = hostile.into();
    facts.interfaces[0].name = hostile.into();
    detail.machine.serial = hostile.into();
    detail.machine.reason = Some(hostile.into());
    detail.machine.wait.as_mut().unwrap().evidence = hostile.into();
    detail.machine.progress.as_mut().unwrap().progress.phase = hostile.into();
    detail.attempts[0].hops[0].detail = hostile.into();
    detail.history[0].note = hostile.into();
    let mut logs: Vec<LogEntry> = answer("logs.json");
    logs[0].text = hostile.into();
    let mut erasure: Erasure = answer("erasure.json");
    erasure.disks = facts.disks.clone();
    let mut prod: ClusterDetail = answer("cluster.json");
    prod.cluster.problems = vec![hostile.into()];
    prod.nodes[1].reason = hostile.into();
    prod.nodes[1].certificates[0].name = hostile.into();
    prod.tasks[0].reason = Some(hostile.into());
    detail.machine.node = Some(prod.nodes[1].clone());
    let view = MachineView { detail: &detail, why: &why(), logs: &logs };
    let pages = [
        web::cluster_page(&prod, &visitor(), NOW),
        web::machine_page(view, &visitor(), NOW),
        web::machine_fragments(view, &visitor(), NOW).map(|sections| sections.concat()),
        web::rack_page((std::slice::from_ref(&detail.machine), &[]), &Paging::default(), &visitor(), NOW),
        web::confirm_page(&detail.machine, &erasure, Verb::Approve, Some(hostile), &visitor(), NOW),
        web::error_page(500, hostile, Some(hostile), Some(&visitor()), NOW),
        web::login_page(Some(hostile), NOW),
    ];
    for page in pages {
        let page = page.unwrap();
        assert!(!page.contains("<script>") && !page.contains("\"><script"), "{page}");
        assert!(page.contains("script&#62;"), "the text itself is shown: {page}");
    }
}

#[test]
fn pages_obey_a_policy_of_self() {
    let (detail, logs): (MachineDetail, Vec<LogEntry>) = (answer("node07.json"), answer("logs.json"));
    let view = MachineView { detail: &detail, why: &why(), logs: &logs };
    let rack: Vec<Machine> = answer("rack.json");
    let pages = [
        web::machine_page(view, &visitor(), NOW).unwrap(),
        web::rack_page((&rack, &answer::<Vec<_>>("clusters.json")), &Paging::default(), &visitor(), NOW)
            .unwrap(),
        web::cluster_page(&answer("cluster.json"), &visitor(), NOW).unwrap(),
    ];
    for page in pages {
        for forbidden in
            [" style=", "<style", " onclick=", " onload=", "javascript:", "href=\"http", "src=\"http"]
        {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }
}
