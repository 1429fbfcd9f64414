//! All that is known of one machine.

use api::cluster::Node;
use api::machine::{HistoryEntry, Machine, MachineDetail};
use api::plan::Plan;
use api::words;

use super::hardware;
use super::list;
use super::paint::{Paint, Tone, ready, tone};
use super::power;
use super::table::Table;
use super::trace;
use super::words::{lasting, left, moment, size, state};

/// History beyond this is the JSON's.
const NEWEST: usize = 12;

pub fn machine(detail: &MachineDetail, now: i64, paint: Paint) -> String {
    let machine = &detail.machine;
    let mut text =
        format!("{}  {}\n", paint.bold(&machine.name()), paint.tone(tone(machine), &state(machine)));
    text += &summary(machine, now).render(paint, None);
    if let Some(node) = &machine.node {
        text += &format!("\n{}\n{}", paint.bold("Node"), of_node(node, now).render(paint, None));
    }
    if let Some(facts) = &detail.facts {
        text += &hardware::facts(facts, paint);
    }
    if let Some(plan) = &detail.plan {
        text += &format!("\n{}\n{}", paint.bold("Plan"), planned(plan).render(paint, None));
        text += &partitions(plan).render(paint, None);
    }
    if let Some(wipe) = &detail.wipe {
        text += &format!("\n{}\n{}", paint.bold("Wipe"), super::wipe::record(wipe).render(paint, None));
    }
    if let Some(newest) = detail.attempts.first() {
        text += &format!("\n{}", trace::attempt(newest, now, paint));
    }
    if !detail.history.is_empty() {
        text += &format!("\n{}\n{}", paint.bold("History"), history(&detail.history).render(paint, None));
    }
    text
}

fn summary(machine: &Machine, now: i64) -> Table {
    let mut table = Table::pairs();
    table.pair("since", format!("{} ({})", moment(machine.since), lasting(machine.since, now)));
    table.pair("reason", machine.reason.clone().unwrap_or_default());
    if let Some(quarantine) = &machine.quarantine {
        let with: Vec<String> = quarantine.interfaces.iter().map(|mac| mac.to_string()).collect();
        let since = lasting(quarantine.since, now);
        table.pair("quarantine", format!("for {since}: {}", quarantine.why));
        table.pair("in question", with.join(" "));
    }
    if let Some(wait) = &machine.wait {
        let until = wait.deadline.map_or(String::new(), |at| format!(", {}", left(at, now)));
        table.pair("waits for", format!("{}{until}", wait.waiting_for));
        table.pair("evidence", &*wait.evidence);
        table.pair("then", &*wait.then);
    }
    if machine.progress.is_some() && machine.reason.is_none() {
        table.pair("progress", list::doing(machine, now));
    }
    if let Some(power) = &machine.power {
        let (text, tone) = power::cell(machine);
        table.row([("power".into(), Tone::Quiet), (text, tone)]);
        let at = if power.address.is_empty() { String::new() } else { format!(" at {}", power.address) };
        table.pair(
            "bmc",
            format!("{}{at}, {} for {}", power.driver, power.health, lasting(power.health_since, now)),
        );
        table.pair("bmc why", &*power.sentence);
        table.pair("bmc to do", &*power.todo);
    }
    table.pair("profile", machine.profile.clone().unwrap_or_default());
    table.pair("address", machine.address.map_or(String::new(), |a| a.to_string()));
    let macs: Vec<String> = machine.interfaces.iter().map(|mac| mac.to_string()).collect();
    table.pair("interfaces", macs.join(" "));
    table.pair("serial", &*machine.serial);
    let position = machine.position.as_ref();
    table.pair("position", position.map_or(String::new(), |p| format!("rack {} unit {}", p.rack, p.unit)));
    let uplink = machine.uplink.as_ref();
    table.pair(
        "uplink",
        uplink.map_or(String::new(), |uplink| format!("{} port {}", uplink.switch, uplink.port)),
    );
    let reserved = machine.reserved.as_ref();
    table.pair("reserved", reserved.map_or(String::new(), |r| format!("{} for {}", r.address, r.mac)));
    table.pair("labels", api::label::joined(&machine.labels));
    table.pair("generation", format!("{}, installed {}", machine.generation, machine.installed));
    if let (Some(home), Some(seen)) = (machine.home, machine.last_seen) {
        table.pair("agent", format!("in {home}, heard {} ago", lasting(seen, now)));
    }
    table.pair("id", &*machine.id.0);
    table
}

fn of_node(node: &Node, now: i64) -> Table {
    let mut table = Table::pairs();
    table.pair("cluster", format!("{}, as {}", node.cluster, node.role));
    let since = format!("{} for {}", words::ready(node), lasting(node.since, now));
    table.row([("node".into(), Tone::Quiet), (since, ready(node))]);
    table.pair("reason", words::hindrance(node));
    table.pair("version", &*node.version);
    table.pair("address", &*node.address);
    table.pair("uid", &*node.uid);
    for certificate in &node.certificates {
        let tone = if certificate.ends_soon(now) { Tone::Bad } else { Tone::Plain };
        table.row([("certificate".into(), Tone::Quiet), (words::certificate(certificate, now), tone)]);
    }
    table
}

fn planned(plan: &Plan) -> Table {
    let mut table = Table::pairs();
    table.pair("image", format!("{} {}", plan.image.name, plan.image.version));
    let disk = &plan.disk;
    table.pair("disk", format!("{} {} serial {}", size(disk.size), disk.model, disk.serial));
    table.pair("generation", plan.generation.to_string());
    table.pair("hash", plan.hash());
    table
}

fn partitions(plan: &Plan) -> Table {
    let mut table = Table::new(&["PARTITION", "NAME", "SIZE", "FS", "MOUNT"]).indented();
    for partition in &plan.disk.partitions {
        let sectors = partition.last.saturating_sub(partition.first) + 1;
        table.plain([
            partition.number.to_string(),
            partition.name.clone(),
            size(sectors.saturating_mul(plan.disk.sector_size.into())),
            partition.fs.map_or("–", |fs| fs.as_str()).into(),
            partition.mount.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn history(history: &[HistoryEntry]) -> Table {
    let mut table = Table::new(&[]).indented();
    for entry in history.iter().take(NEWEST) {
        let (what, tone) = match (entry.refused, entry.from == entry.to) {
            (true, _) => (format!("refused in {}", entry.from), Tone::Waiting),
            (false, true) => (format!("still {}", entry.to), Tone::Quiet),
            (false, false) => (format!("{} → {}", entry.from, entry.to), Tone::Plain),
        };
        table.row([
            (moment(entry.at), Tone::Quiet),
            (entry.event.clone(), Tone::Plain),
            (what, tone),
            (entry.who.clone(), Tone::Quiet),
            (entry.note.clone(), Tone::Plain),
        ]);
    }
    table
}
