//! Whole screens against files in `golden/`. `UPDATE_GOLDEN=1` writes them anew: read what changed.

use std::fmt::Debug;
use std::path::Path;

use api::bmc::Sensor;
use api::bmc::media::VirtualDrive;
use api::bmc::update::{FirmwareUpdate, UpdateState};
use api::cluster::{Cluster, ClusterDetail};
use api::machine::{Erasure, Machine, MachineDetail, Quarantine};
use api::power::{BmcInUse, BmcView, FoundBmc, GroupView, HostView};
use api::who::Doubt;
use metalctl::render::paint::Paint;
use metalctl::render::{catalogue, cluster, erasure, list, logs, parts, power, show, why};
use serde::de::DeserializeOwned;

/// 2026-11-24 08:00:00Z, in microseconds since 1970.
const NOW: i64 = 1_795_507_200_000_000;
const PLAIN: Paint = Paint { colour: false };

/// The answers of a server, shared with the pages' tests.
fn answer<T: DeserializeOwned + Debug>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/tests/data").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn golden(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, got).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(got == want, "{name} differs; UPDATE_GOLDEN=1 writes it anew\n--- want\n{want}\n--- got\n{got}");
}

#[test]
fn machine_list() {
    let rack: Vec<Machine> = answer("rack.json");
    golden("list.txt", &list::machines(&rack, NOW, None, PLAIN));
    golden("list-80-columns.txt", &list::machines(&rack, NOW, Some(80), PLAIN));
    golden("list-colour.txt", &list::machines(&rack, NOW, None, Paint { colour: true }));
}

/// The rack as it is where some machines can be switched.
fn powered() -> Vec<Machine> {
    let mut rack: Vec<Machine> = answer("rack.json");
    let powers = [
        ("on", "healthy", "none", ""),
        ("off", "healthy", "none", ""),
        (
            "on",
            "hung",
            "none",
            "its BMC failed 3 times in a row, since 2026-11-24T07:50:00Z: hung: no answer in 10 s",
        ),
        ("on", "healthy", "not-on-the-wire", ""),
    ];
    for (machine, (power, health, trouble, sentence)) in rack.iter_mut().zip(powers) {
        let value = serde_json::json!({
            "driver": "ipmi", "address": "10.0.0.7", "origin": "site", "power": power, "read_at": NOW - 31_000_000,
            "health": health, "health_since": NOW - 600_000_000, "sentence": sentence,
            "todo": if sentence.is_empty() { "" } else { "`metalctl bmc reset node07` restarts the BMC" },
            "trouble": trouble
        });
        machine.power = Some(serde_json::from_value(value).unwrap());
    }
    rack
}

#[test]
fn power_of_machines() {
    let rack = powered();
    golden("list-power.txt", &list::machines(&rack, NOW, None, PLAIN));
    golden("power.txt", &power::powers(&rack, NOW, PLAIN));
    let bmc = |machine: &Machine| BmcView {
        machine: machine.id.clone(),
        name: machine.name(),
        in_use: machine.power.clone().map(|power| BmcInUse {
            power,
            port: Some(623),
            credentials: Some("supermicro".into()),
            user: String::new(),
            certificate: None,
            update: None,
        }),
        found: Some(FoundBmc { address: "10.0.0.8".into(), mac: None, at: NOW - 60_000_000 }),
    };
    let bmcs: Vec<BmcView> = rack.iter().take(5).map(bmc).collect();
    golden("bmcs.txt", &power::bmcs(&bmcs, PLAIN));
    golden("bmc.txt", &power::bmc(&bmcs[2], NOW, PLAIN));
    let mut keyed = bmcs[2].clone();
    keyed.in_use.as_mut().unwrap().power.bmc_key = true;
    assert!(power::bmc(&keyed, NOW, PLAIN).contains("BMC key      set\n"));
    keyed.in_use.as_mut().unwrap().update = Some(FirmwareUpdate {
        image: "http://10.0.0.1/bmc-2.17.bin".into(),
        who: "ops --force".into(),
        begun_at: NOW - 180_000_000,
        heard_at: NOW - 4_000_000,
        state: UpdateState::Running,
        percent: Some(66),
        says: "Running: writing bank 2".into(),
    });
    golden("bmc-update.txt", &power::bmc(&keyed, NOW, PLAIN));
}

#[test]
fn what_a_bmc_tells() {
    let sensors: Vec<Sensor> = serde_json::from_value(serde_json::json!([
        {"name": "CPU1 Temp", "value": 41.0, "unit": "degrees C", "health": "OK"},
        {"name": "12V", "value": 12.1875, "unit": "V", "health": null},
        {"name": "FAN3", "value": null, "unit": "RPM", "health": "Critical"}
    ]))
    .unwrap();
    golden("sensors.txt", &power::sensors(&sensors, PLAIN));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/redfish/supermicro/read.json");
    let read: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    golden(
        "bmc-hardware.txt",
        &parts::hardware(&serde_json::from_value(read["hardware"].clone()).unwrap(), PLAIN),
    );
    let drives: Vec<VirtualDrive> = serde_json::from_value(serde_json::json!([
        {"name": "Virtual CD", "kinds": ["CD", "DVD"], "inserted": true, "image": "http://10.0.0.1/rescue.iso"},
        {"name": "Virtual USB", "kinds": ["USBStick"], "inserted": false, "image": null}
    ]))
    .unwrap();
    golden("bmc-media.txt", &parts::media(&drives, PLAIN));
    let groups = [GroupView {
        name: "storage".into(),
        machines: vec![],
        hosts: vec![HostView {
            name: "10.77.0.5".into(),
            check: "tcp:10.77.0.5:2049".into(),
            fault: Some("no answer in 3 s".into()),
        }],
        well: false,
    }];
    golden("power-groups.txt", &power::groups(&groups, PLAIN));
}

#[test]
fn lines_of_watch_and_wait() {
    let rack: Vec<Machine> = answer("rack.json");
    let lines = rack.iter().map(|m| list::line(m, NOW, PLAIN) + "\n");
    golden("watch-lines.txt", &lines.collect::<String>());
    let milestones = rack.iter().map(|m| list::milestone(m) + "\n");
    golden("wait-lines.txt", &milestones.collect::<String>());
}

#[test]
fn machine_show() {
    golden("show.txt", &show::machine(&answer("node07.json"), NOW, PLAIN));
}

#[test]
fn machine_show_before_the_first_inspection() {
    let machine = answer::<Vec<Machine>>("rack.json").pop().unwrap();
    let detail =
        MachineDetail { machine, facts: None, plan: None, wipe: None, attempts: vec![], history: vec![] };
    golden("show-new.txt", &show::machine(&detail, NOW, PLAIN));
}

#[test]
fn machine_show_with_its_node() {
    let rack: Vec<Machine> = answer("rack.json");
    let machine = rack.into_iter().find(|machine| machine.name() == "node01").unwrap();
    let detail =
        MachineDetail { machine, facts: None, plan: None, wipe: None, attempts: vec![], history: vec![] };
    golden("show-node.txt", &show::machine(&detail, NOW, PLAIN));
}

#[test]
fn clusters() {
    golden("clusters.txt", &cluster::list(&answer::<Vec<Cluster>>("clusters.json"), NOW, PLAIN));
    let (mut prod, rack): (ClusterDetail, Vec<Machine>) = (answer("cluster.json"), answer("rack.json"));
    golden("cluster.txt", &cluster::show(&prod, &rack, NOW, PLAIN));
    golden("cluster-nodes.txt", &cluster::nodes(&prod, &rack, NOW, PLAIN));
    golden("cluster-nodes-colour.txt", &cluster::nodes(&prod, &rack, NOW, Paint { colour: true }));
    golden("cluster-reset.txt", &cluster::reset(&prod, PLAIN));
    golden("cluster-health.txt", &cluster::problems(&prod, NOW).join("\n"));
    prod.cluster.problems.clear();
    prod.nodes.retain(|node| node.ready);
    assert!(cluster::problems(&prod, NOW).is_empty());
    let late = NOW + 13 * 86_400_000_000;
    assert_eq!(cluster::problems(&prod, late), ["node01: its certificate etcd-server ended 21 h 0 min ago"]);
}

#[test]
fn a_machine_in_quarantine() {
    let mut detail: MachineDetail = answer("node07.json");
    detail.machine.hold = true;
    detail.machine.quarantine = Some(Quarantine {
        about: Doubt::Hardware,
        since: NOW - 3_600_000_000,
        why: "its port is in other hardware than before: system serial and disks differ".into(),
        interfaces: vec!["52:54:00:a1:00:07".parse().unwrap()],
    });
    detail.machine.reason = None;
    let screen = show::machine(&detail, NOW, PLAIN);
    let line =
        |start: &str| screen.lines().find(|line| line.trim_start().starts_with(start)).unwrap().to_string();
    assert!(screen.lines().next().unwrap().ends_with(", quarantined"), "{screen}");
    assert!(line("quarantine").ends_with(
        "for 1 h 0 min: its port is in other hardware than before: system serial and disks differ"
    ));
    assert!(line("in question").ends_with("52:54:00:a1:00:07"));
    assert!(list::line(&detail.machine, NOW, PLAIN).contains(", quarantined"));
}

#[test]
fn machine_why() {
    golden("why.txt", &why::machine(&answer("why.json"), &answer("node07.json"), NOW, PLAIN));
}

#[test]
fn machine_why_with_a_usual_cause() {
    let machine = answer::<Vec<Machine>>("rack.json").pop().unwrap();
    let detail =
        MachineDetail { machine, facts: None, plan: None, wipe: None, attempts: vec![], history: vec![] };
    golden("why-new.txt", &why::machine(&answer("why-new.json"), &detail, NOW, PLAIN));
}

#[test]
fn machine_logs() {
    let mut entries: Vec<api::machine::LogEntry> = answer("logs.json");
    entries.sort_by_key(|entry| (entry.attempt, entry.at));
    golden("logs.txt", &logs::entries(&entries, PLAIN));
}

#[test]
fn erasure_before_a_yes() {
    let detail: MachineDetail = answer("node07.json");
    let mut erased: Erasure = answer("erasure.json");
    golden("erasure.txt", &erasure::disks(&detail.machine, &erased, NOW, PLAIN));
    erased.refusal = Some("two disks fit the rule equally well".into());
    golden("erasure-refused.txt", &erasure::disks(&detail.machine, &erased, NOW, PLAIN));
    golden("leaving.txt", &erasure::leaving(true, true, PLAIN));
    assert!(erasure::leaving(false, false, PLAIN).is_empty());
}

#[test]
fn profile_and_image_list() {
    golden("profiles.txt", &catalogue::profiles(&answer::<Vec<_>>("profiles.json"), PLAIN));
    golden("images.txt", &catalogue::images(&answer::<Vec<_>>("images.json"), PLAIN));
}

#[test]
fn hardware_that_lies_does_not_steer_the_terminal() {
    let mut detail: MachineDetail = answer("node07.json");
    let facts = detail.facts.as_mut().unwrap();
    facts.disks[0].model = "\x1b[2J\x1b]0;owned\x07\nnode08 active".into();
    facts.system.product = "\x1b[1mbold".into();
    let screen = show::machine(&detail, NOW, PLAIN);
    assert!(screen.chars().all(|c| c == '\n' || !c.is_control()), "{screen:?}");
    assert!(!screen.lines().any(|line| line.starts_with("node08")));
}
