//! Power, BMCs, sensors and groups as screens.

use api::bmc::update::{FirmwareUpdate, UpdateState};
use api::bmc::{LogEntry, Power, Sensor};
use api::machine::Machine;
use api::power::{BmcView, GroupView, Health, MachinePower, Trouble};

use super::paint::{Paint, Tone};
use super::table::Table;
use super::words::{clean, lasting, moment, or_dash};

/// The power, and what is wrong with whatever reads it.
pub fn cell(machine: &Machine) -> (String, Tone) {
    let Some(power) = &machine.power else { return ("–".into(), Tone::Quiet) };
    let text = match (power.health, power.trouble) {
        (Health::Healthy | Health::Unproven, Trouble::None) => power.power.to_string(),
        (Health::Healthy | Health::Unproven, trouble) => format!("{}, {trouble}", power.power),
        (health, _) => format!("{}, BMC {health}", power.power),
    };
    (text, tone(power))
}

fn tone(power: &MachinePower) -> Tone {
    match (power.health, power.power) {
        _ if power.trouble != Trouble::None => Tone::Bad,
        (Health::Healthy, Power::On) => Tone::Good,
        (Health::Unproven, _) => Tone::Quiet,
        (Health::Healthy | Health::Slow, _) => Tone::Waiting,
        _ => Tone::Bad,
    }
}

/// One line a machine: what was read, when, and what is wrong.
pub fn powers(machines: &[Machine], now: i64, paint: Paint) -> String {
    let mut table = Table::new(&["NAME", "POWER", "READ", "NOW"]);
    for machine in machines {
        let read = machine.power.as_ref().and_then(|power| power.read_at);
        table.row([
            (machine.name(), Tone::Plain),
            cell(machine),
            (read.map_or("never".into(), |at| format!("{} ago", lasting(at, now))), Tone::Plain),
            (doing(machine), Tone::Plain),
        ]);
    }
    table.render(paint, None)
}

/// What its BMC's condition is, else what was asked of it.
fn doing(machine: &Machine) -> String {
    let Some(power) = &machine.power else { return String::new() };
    let text = match (power.sentence.as_str(), power.doing) {
        ("", Some(action)) => format!("{action} was asked"),
        ("", None) if machine.power_off => "wanted off".into(),
        ("", None) => String::new(),
        (sentence, _) => sentence.into(),
    };
    clean(&text)
}

pub fn bmcs(bmcs: &[BmcView], paint: Paint) -> String {
    let mut table = Table::new(&["MACHINE", "DRIVER", "ADDRESS", "POWER", "HEALTH", "CREDENTIALS", "FROM"]);
    for bmc in bmcs {
        match (&bmc.in_use, &bmc.found) {
            (Some(used), found) => {
                let moved = found
                    .as_ref()
                    .filter(|found| !used.power.address.is_empty() && found.address != used.power.address);
                let from = match moved {
                    Some(found) => format!("{}, but its agent found {}", used.power.origin, found.address),
                    None => used.power.origin.to_string(),
                };
                table.row([
                    (bmc.name.clone(), Tone::Plain),
                    (used.power.driver.to_string(), Tone::Plain),
                    (or_dash(&used.power.address).into(), Tone::Plain),
                    (used.power.power.to_string(), Tone::Plain),
                    (used.power.health.to_string(), tone(&used.power)),
                    (credentials(used), Tone::Plain),
                    (from, Tone::Plain),
                ]);
            }
            (None, Some(found)) => {
                let dash = || ("–".to_string(), Tone::Quiet);
                table.row([
                    (bmc.name.clone(), Tone::Plain),
                    dash(),
                    (found.address.clone(), Tone::Plain),
                    dash(),
                    ("not adopted".into(), Tone::Waiting),
                    dash(),
                    ("found".into(), Tone::Plain),
                ]);
            }
            (None, None) => {}
        }
    }
    table.render(paint, None)
}

fn credentials(used: &api::power::BmcInUse) -> String {
    match (&used.credentials, used.user.as_str()) {
        (Some(set), _) => format!("[bmc.{set}]"),
        (None, "") => "by vendor".into(),
        (None, user) => format!("{user}, its own"),
    }
}

pub fn bmc(view: &BmcView, now: i64, paint: Paint) -> String {
    let mut table = Table::pairs();
    if let Some(used) = &view.in_use {
        let power = &used.power;
        table.row([
            ("health".into(), Tone::Quiet),
            (format!("{} for {}", power.health, lasting(power.health_since, now)), tone(power)),
        ]);
        table.pair("why", &*power.sentence);
        table.pair("to do", &*power.todo);
        table.pair(
            "power",
            power.read_at.map_or(power.power.to_string(), |at| {
                format!("{}, read {} ago", power.power, lasting(at, now))
            }),
        );
        table.pair("driver", power.driver.to_string());
        let port = used.port.map_or(String::new(), |port| format!(" port {port}"));
        table.pair("address", format!("{}{port}", power.address));
        table.pair("credentials", credentials(used));
        if let Some((key, set)) = power.key() {
            table.pair(key, if set { "set" } else { "not set" });
        }
        if let Some(last) = &used.update {
            let tone = match last.state {
                UpdateState::Running => Tone::Waiting,
                UpdateState::Done => Tone::Plain,
                UpdateState::Failed | UpdateState::Unknown => Tone::Bad,
            };
            let heard = format!("{}, heard {} ago", update(last), lasting(last.heard_at, now));
            table.row([("update".into(), Tone::Quiet), (heard, tone)]);
            table.pair("updated by", format!("{}, {}", last.who, moment(last.begun_at)));
        }
        table.pair("certificate", used.certificate.clone().unwrap_or_default());
        table.pair("from", power.origin.to_string());
    }
    if let Some(found) = &view.found {
        let mac = found.mac.map_or(String::new(), |mac| format!(" ({mac})"));
        table.pair("found", format!("{}{mac} by its agent, {}", found.address, moment(found.at)));
    }
    format!("{}\n{}", paint.bold(&clean(&view.name)), table.render(paint, None))
}

/// In one line: what is written, how far it is, and what the BMC says of it.
pub fn update(update: &FirmwareUpdate) -> String {
    let percent = update.percent.filter(|_| update.state == UpdateState::Running);
    let percent = percent.map(|percent| format!(", {percent} %")).unwrap_or_default();
    let says = if update.says.is_empty() { String::new() } else { format!(" ({})", update.says) };
    clean(&format!("{} {}{percent}{says}", update.image, update.state))
}

pub fn sensors(sensors: &[Sensor], paint: Paint) -> String {
    let mut table = Table::new(&["SENSOR", "READS", "HEALTH"]);
    for sensor in sensors {
        let value = sensor.value.map_or("–".into(), |value| format!("{} {}", trimmed(value), sensor.unit));
        let health = sensor.health.as_deref().unwrap_or("");
        let tone = if matches!(health, "" | "OK" | "ok") { Tone::Plain } else { Tone::Bad };
        table.row([(sensor.name.clone(), Tone::Plain), (value, Tone::Plain), (or_dash(health).into(), tone)]);
    }
    table.render(paint, None)
}

/// Three digits behind the point, and none that say nothing.
pub(super) fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

pub fn log(entries: &[LogEntry], paint: Paint) -> String {
    let mut table = Table::new(&["AT", "SEVERITY", "ID", "MESSAGE"]);
    for entry in entries {
        table.plain([entry.at.clone(), entry.severity.clone(), entry.id.clone(), entry.message.clone()]);
    }
    table.render(paint, None)
}

pub fn groups(groups: &[GroupView], paint: Paint) -> String {
    let mut table = Table::new(&["GROUP", "MACHINES", "WELL", "CHECKS"]);
    for group in groups {
        let check = |host: &api::power::HostView| match &host.fault {
            None => format!("{} answers", host.check),
            Some(fault) => format!("{}: {fault}", host.check),
        };
        let checks: Vec<String> = group.hosts.iter().map(check).collect();
        let (well, tone) = if group.well { ("yes", Tone::Good) } else { ("no", Tone::Waiting) };
        table.row([
            (group.name.clone(), Tone::Plain),
            (group.machines.len().to_string(), Tone::Plain),
            (well.into(), tone),
            (or_dash(&checks.join(", ")).into(), Tone::Plain),
        ]);
    }
    table.render(paint, None)
}
