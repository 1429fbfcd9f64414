//! Whole pages against files in `golden/`. `UPDATE_GOLDEN=1` writes them anew: read what changed.

mod records;

use std::fmt::Debug;
use std::path::Path;

use api::cluster::{Cluster, ClusterDetail};
use api::machine::{Erasure, LogEntry, Machine, MachineDetail, Why};
use api::user::{AuditQuery, Role};
use serde::de::DeserializeOwned;
use serde_json::json;
use web::{
    Choices, Counts, EventsAsked, Filter, MachineView, Offer, Outcome, RackView, ReservationForm, Standing,
    Verb, Visitor,
};

use records::{audit, leases, question, subject};

/// 2026-11-24 08:00:00Z, in microseconds since 1970.
const NOW: i64 = 1_795_507_200_000_000;

fn visitor() -> Visitor {
    Visitor { operator: "admin".into(), role: Role::Admin, csrf: "csrf-of-this-session".into() }
}

/// The answers of a server, shared with the command line's tests.
fn answer<T: DeserializeOwned + Debug>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A verb of each kind: a button, one behind the buttons, and one that is refused.
fn offers() -> Vec<Offer> {
    let refused = |verb, why: &str| Offer { verb, refusal: Some(why.into()) };
    let verbs = [Verb::Hold, Verb::Reprovision, Verb::Rescue];
    let offers = verbs.map(|verb| Offer { verb, refusal: None });
    let others =
        [refused(Verb::Retry, "nothing of it has failed"), refused(Verb::Delete, "needs the role admin")];
    offers.into_iter().chain(others).collect()
}

fn machine_view<'a>(
    detail: &'a MachineDetail,
    why: &'a Why,
    logs: &'a [LogEntry],
    offers: &'a [Offer],
) -> MachineView<'a> {
    MachineView { detail, why, logs, offers }
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
    golden("rack.html", &rack_page(&rack, &clusters, &Filter::default()));
    golden("rack-empty.html", &rack_page(&[], &[], &Filter::default()));
    let (filter, counts) = (filter(&[("q", "node9")]), Counts { all: 7, ..Counts::default() });
    let (choices, machines, clusters) = (Choices::default(), &[], &[]);
    let view =
        RackView { machines, clusters, filter: &filter, counts: &counts, choices: &choices, rows: 200 };
    golden("rack-none.html", &web::rack_page(view, &visitor(), NOW).unwrap());
}

/// The list as the server shows it, with all machines on the page.
fn rack_page(machines: &[Machine], clusters: &[Cluster], filter: &Filter) -> String {
    let mut counts = Counts { all: machines.len(), listed: machines.len(), ..Counts::default() };
    for machine in machines {
        *counts.states.entry(machine.state).or_default() += 1;
        *counts.tones.entry(Standing::of(machine).tone()).or_default() += 1;
    }
    let choices = Choices {
        profiles: vec!["control-plane".into(), "worker".into()],
        clusters: vec!["prod".into()],
        racks: ["A".into(), "B".into()].into(),
        labels: vec!["gpu".into(), "zone".into()],
    };
    let view = RackView { machines, clusters, filter, counts: &counts, choices: &choices, rows: 200 };
    web::rack_page(view, &visitor(), NOW).unwrap()
}

fn filter(pairs: &[(&str, &str)]) -> Filter {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Filter::read(&pairs)
}

#[test]
fn a_long_list_is_paged_and_keeps_its_filter() {
    let rack: Vec<Machine> = answer("rack.json");
    let counts = Counts { all: 9000, listed: 401, ..Counts::default() };
    let page = |number: &str| {
        let (filter, choices) = (filter(&[("label", "zone=a"), ("page", number)]), Choices::default());
        let view = RackView {
            machines: &rack,
            clusters: &[],
            filter: &filter,
            counts: &counts,
            choices: &choices,
            rows: 200,
        };
        web::rack_page(view, &visitor(), NOW).unwrap()
    };
    let (first, last) = (page("1"), page("3"));
    assert!(
        first.contains("href=\"/?label=zone%3Da&#38;page=2\"") && !first.contains(">Previous</a>"),
        "{first}"
    );
    assert!(last.contains("href=\"/?label=zone%3Da&#38;page=2\"") && !last.contains(">Next</a>"), "{last}");
    assert!(last.contains("href=\"/?label=zone%3Da\">First</a>"));
    assert!(page("2").contains("of 401"));
    assert!(!rack_page(&rack, &[], &Filter::default()).contains("id=\"paging\""));
}

#[test]
fn a_row_alone_is_the_row_of_the_page() {
    let rack: Vec<Machine> = answer("rack.json");
    let clusters: Vec<Cluster> = answer("clusters.json");
    let page = rack_page(&rack, &clusters, &Filter::default());
    for cluster in &clusters {
        assert!(page.contains(&web::cluster_chip(cluster).unwrap()), "{}", cluster.name);
    }
    for machine in &rack {
        assert!(page.contains(&web::rack_row(machine, &visitor(), NOW).unwrap()), "{}", machine.name());
    }
}

#[test]
fn machine() {
    let (offers, why) = (offers(), why());
    let (detail, logs): (MachineDetail, Vec<LogEntry>) = (answer("node07.json"), answer("logs.json"));
    let view = machine_view(&detail, &why, &logs, &offers);
    golden("machine.html", &web::machine_page(view, &visitor(), NOW).unwrap());
}

#[test]
fn machine_before_the_first_inspection() {
    let offers = offers();
    let machine = answer::<Vec<Machine>>("rack.json").pop().unwrap();
    let why = answer("why-new.json");
    let detail =
        MachineDetail { machine, facts: None, plan: None, wipe: None, attempts: vec![], history: vec![] };
    let view = machine_view(&detail, &why, &[], &offers);
    golden("machine-new.html", &web::machine_page(view, &visitor(), NOW).unwrap());
}

#[test]
fn machine_with_a_bmc_that_hangs() {
    let (offers, why) = (offers(), why());
    let mut detail: MachineDetail = answer("node07.json");
    let power = json!({
        "driver": "redfish", "address": "10.0.0.7", "origin": "found", "power": "on", "read_at": NOW - 31_000_000,
        "health": "hung", "health_since": NOW - 600_000_000, "doing": "cycle", "trouble": "none",
        "sentence": "its BMC failed 3 times in a row: hung: <b>no answer</b> in 10 s",
        "todo": "`metalctl bmc reset node07` restarts it"
    });
    detail.machine.power = Some(serde_json::from_value(power).unwrap());
    let view = machine_view(&detail, &why, &[], &offers);
    let page = web::machine_page(view, &visitor(), NOW).unwrap();
    let (_, card) = page.split_once("<section id=\"power\"").unwrap();
    golden("machine-power.html", card.split("</section>").next().unwrap());
    detail.machine.hold = true;
    let view = machine_view(&detail, &why, &[], &offers);
    let held = web::machine_page(view, &visitor(), NOW).unwrap();
    assert!(!held.contains("/power-cycle"), "hands may be in its chassis");
}

#[test]
fn machine_with_a_key_of_its_bmc() {
    let (offers, why) = (offers(), why());
    let mut detail: MachineDetail = answer("node07.json");
    for (driver, of, line) in [
        ("ipmi", "bmc_key", Some("<dt>BMC key</dt><dd>set</dd>")),
        ("ipmi", "secure_on", Some("<dt>BMC key</dt><dd>not set</dd>")),
        ("wake-on-lan", "secure_on", Some("<dt>SecureOn</dt><dd>set</dd>")),
        ("redfish", "bmc_key", None),
    ] {
        let power = json!({
            "driver": driver, "address": "", "origin": "site", "power": "on", "read_at": NOW, "health": "healthy",
            "health_since": NOW, of: true
        });
        detail.machine.power = Some(serde_json::from_value(power).unwrap());
        let page = web::machine_page(machine_view(&detail, &why, &[], &offers), &visitor(), NOW).unwrap();
        match line {
            Some(line) => assert!(page.contains(line), "{driver} with {of}"),
            None => assert!(!page.contains("BMC key") && !page.contains("SecureOn"), "{driver}"),
        }
    }
}

#[test]
fn every_fragment_is_a_section_of_the_page() {
    let (offers, why) = (offers(), why());
    let (detail, logs): (MachineDetail, Vec<LogEntry>) = (answer("node07.json"), answer("logs.json"));
    let view = machine_view(&detail, &why, &logs, &offers);
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
    let offers = offers();
    let machine = answer::<Vec<Machine>>("rack.json").into_iter().find(|m| m.name() == "node06").unwrap();
    let why = answer("why-new.json");
    let detail =
        MachineDetail { machine, facts: None, plan: None, wipe: None, attempts: vec![], history: vec![] };
    let view = machine_view(&detail, &why, &[], &offers);
    golden("machine-node.html", &web::machine_page(view, &visitor(), NOW).unwrap());
}

#[test]
fn a_machine_that_waits_for_nothing_and_does_not_serve_says_why() {
    let offers = offers();
    let machine = answer::<Vec<Machine>>("rack.json").into_iter().find(|m| m.name() == "node02").unwrap();
    let detail =
        MachineDetail { machine, facts: None, plan: None, wipe: None, attempts: vec![], history: vec![] };
    let mut why = why();
    (why.sentence, why.cause) = ("its node is NotReady".into(), "its kubelet is silent".into());
    let page = |why: &Why| {
        let view = machine_view(&detail, why, &[], &offers);
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
fn hardware_that_lies_writes_no_html() {
    let (offers, why) = (offers(), why());
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
    let outcome =
        Outcome { machine: detail.machine.clone(), done: Err((hostile.into(), Some(hostile.into()))) };
    let query =
        AuditQuery { who: Some(hostile.into()), subject: Some(hostile.into()), ..AuditQuery::default() };
    let mut audit = audit();
    audit[0].after = Some(json!({ hostile: hostile }));
    let form =
        ReservationForm { mac: hostile.into(), address: hostile.into(), message: Some(hostile.into()) };
    let mut prod: ClusterDetail = answer("cluster.json");
    prod.cluster.problems = vec![hostile.into()];
    prod.nodes[1].reason = hostile.into();
    prod.nodes[1].certificates[0].name = hostile.into();
    prod.tasks[0].reason = Some(hostile.into());
    detail.machine.node = Some(prod.nodes[1].clone());
    let view = machine_view(&detail, &why, &logs, &offers);
    let pages = [
        web::cluster_page(&prod, &visitor(), NOW),
        web::machine_page(view, &visitor(), NOW),
        web::machine_fragments(view, &visitor(), NOW).map(|sections| sections.concat()),
        Ok(rack_page(
            std::slice::from_ref(&detail.machine),
            &[],
            &filter(&[("q", hostile), ("label", hostile), ("state", hostile), ("rack", hostile)]),
        )),
        Ok(question(
            Verb::Approve,
            &[subject(detail.machine.clone(), erasure.disks, None)],
            true,
            Some(hostile),
        )),
        web::outcome_page(Verb::Hold, &[outcome], &visitor(), NOW),
        web::audit_page(&query, (&audit, true), &visitor(), NOW),
        web::events_page(
            &EventsAsked { machine: hostile.into(), refused: true },
            &[],
            (None, Some(hostile)),
            &visitor(),
            NOW,
        ),
        web::leases_page(&[], None, &form, &visitor(), NOW),
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
    let (offers, why) = (offers(), why());
    let (detail, logs): (MachineDetail, Vec<LogEntry>) = (answer("node07.json"), answer("logs.json"));
    let view = machine_view(&detail, &why, &logs, &offers);
    let rack: Vec<Machine> = answer("rack.json");
    let pages = [
        web::machine_page(view, &visitor(), NOW).unwrap(),
        rack_page(&rack, &answer::<Vec<_>>("clusters.json"), &filter(&[("q", "node"), ("state", "active")])),
        web::cluster_page(&answer("cluster.json"), &visitor(), NOW).unwrap(),
        question(Verb::Wipe, &[subject(rack[0].clone(), vec![], None)], false, None),
        web::audit_page(&AuditQuery::default(), (&audit(), true), &visitor(), NOW).unwrap(),
        web::leases_page(&leases(), None, &ReservationForm::default(), &visitor(), NOW).unwrap(),
    ];
    for page in pages {
        for forbidden in
            [" style=", "<style", " onclick=", " onload=", "javascript:", "href=\"http", "src=\"http"]
        {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }
}
