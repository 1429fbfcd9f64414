//! A machine's parts, and its virtual drives, as its BMC tells them.

use api::bmc::hardware::Hardware;
use api::bmc::media::VirtualDrive;
use api::facts::Product;

use super::paint::{Paint, Tone};
use super::power::trimmed;
use super::table::Table;
use super::words::{memory, or_dash, size};

/// Sections that the BMC says nothing of are left out.
pub fn hardware(hardware: &Hardware, paint: Paint) -> String {
    let sections = [
        ("Hardware", summary(hardware)),
        ("Processors", processors(hardware)),
        ("Memory", modules(hardware)),
        ("Drives", drives(hardware)),
        ("Interfaces", interfaces(hardware)),
        ("Firmware", firmware(hardware)),
        ("Not read", unread(hardware)),
    ];
    let there = sections.iter().filter(|(_, table)| !table.is_empty());
    let section =
        |(head, table): &(&str, Table)| format!("{}\n{}", paint.bold(head), table.render(paint, None));
    there.map(section).collect::<Vec<_>>().join("\n")
}

fn summary(hardware: &Hardware) -> Table {
    let mut table = Table::pairs();
    table.pair("system", named(&hardware.system));
    table.pair("serial", hardware.system.serial.trim());
    table.pair("asset tag", hardware.asset_tag.trim());
    table.pair("uuid", hardware.uuid.clone().unwrap_or_default());
    table.pair("board", words(&[&named(&hardware.board), &hardware.board.serial]));
    table.pair("chassis", hardware.chassis_serial.trim());
    table.pair("firmware", hardware.firmware_version.trim());
    table.pair("bmc", words(&[&hardware.bmc.model, &hardware.bmc.version]));
    table.pair("memory", hardware.memory.map(memory).unwrap_or_default());
    table.pair("draw", hardware.draw.map(|watts| format!("{} W", trimmed(watts))).unwrap_or_default());
    table
}

fn processors(hardware: &Hardware) -> Table {
    let mut table = Table::new(&["SOCKET", "KIND", "MODEL", "CORES", "THREADS"]).indented();
    for each in &hardware.processors {
        table.plain([
            or_dash(&each.socket).into(),
            each.kind.clone(),
            or_dash(&each.model).into(),
            count(each.cores),
            count(each.threads),
        ]);
    }
    table
}

fn modules(hardware: &Hardware) -> Table {
    let mut table = Table::new(&["SLOT", "SIZE", "MT/S", "MANUFACTURER", "SERIAL"]).indented();
    for each in &hardware.modules {
        table.plain([
            or_dash(&each.slot).into(),
            memory(each.size),
            count(each.speed),
            or_dash(&each.manufacturer).into(),
            or_dash(&each.serial).into(),
        ]);
    }
    table
}

fn drives(hardware: &Hardware) -> Table {
    let mut table = Table::new(&["DRIVE", "SIZE", "KIND", "MODEL", "SERIAL", "HEALTH"]).indented();
    for each in &hardware.drives {
        let health = each.health.as_deref().unwrap_or("");
        let tone = if matches!(health, "" | "OK" | "ok") { Tone::Plain } else { Tone::Bad };
        let size = if each.size == 0 { "–".into() } else { size(each.size) };
        let plain = |text: &str| (or_dash(text).to_string(), Tone::Plain);
        table.row([
            plain(&each.name),
            (size, Tone::Plain),
            plain(&words(&[&each.protocol, &each.media])),
            plain(&each.model),
            plain(&each.serial),
            (or_dash(health).into(), tone),
        ]);
    }
    table
}

fn interfaces(hardware: &Hardware) -> Table {
    let mut table = Table::new(&["INTERFACE", "MAC", "LINK"]).indented();
    for each in &hardware.interfaces {
        let speed = each.speed.map(|speed| format!("{speed} Mb/s")).unwrap_or_default();
        let link = words(&[each.link.as_deref().unwrap_or(""), &speed]);
        table.plain([or_dash(&each.name).into(), each.mac.clone(), or_dash(&link).into()]);
    }
    table
}

fn firmware(hardware: &Hardware) -> Table {
    let mut table = Table::new(&["COMPONENT", "VERSION", "UPDATEABLE"]).indented();
    for each in &hardware.firmware {
        let name = if each.name.trim().is_empty() { &each.id } else { &each.name };
        let updateable = if each.updateable { "yes" } else { "no" };
        table.plain([name.clone(), each.version.clone(), updateable.into()]);
    }
    table
}

fn unread(hardware: &Hardware) -> Table {
    let mut table = Table::pairs();
    for sentence in &hardware.unread {
        table.row([(sentence.clone(), Tone::Bad)]);
    }
    table
}

pub fn media(drives: &[VirtualDrive], paint: Paint) -> String {
    let mut table = Table::new(&["DRIVE", "STANDS FOR", "IN IT"]);
    for drive in drives {
        let image = match (&drive.image, drive.inserted) {
            (Some(image), true) => image.clone(),
            (Some(image), false) => format!("{image}, not inserted"),
            (None, true) => "something that the BMC does not name".into(),
            (None, false) => "nothing".into(),
        };
        table.plain([or_dash(&drive.name).into(), or_dash(&drive.kinds.join(", ")).into(), image]);
    }
    table.render(paint, None)
}

fn named(product: &Product) -> String {
    words(&[&product.manufacturer, &product.product])
}

fn words(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// A dash for what the BMC does not say.
fn count(number: u32) -> String {
    if number == 0 { "–".into() } else { number.to_string() }
}
