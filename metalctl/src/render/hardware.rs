//! What the agent found in a machine.

use api::facts::{BootMode, Disk, Facts, Transport};

use super::erasure::content;
use super::paint::Paint;
use super::table::Table;
use super::words::{memory, or_dash, size};

pub fn facts(facts: &Facts, paint: Paint) -> String {
    let sections = [
        ("Hardware", summary(facts)),
        ("Memory", modules(facts)),
        ("Disks", disks(facts)),
        ("Interfaces", interfaces(facts)),
    ];
    let section = |(head, table): &(&str, Table)| {
        let body = table.render(paint, None);
        if body.lines().count() > 1 { format!("\n{}\n{body}", paint.bold(head)) } else { String::new() }
    };
    sections.iter().map(section).collect()
}

fn summary(facts: &Facts) -> Table {
    let mut table = Table::pairs();
    table.pair("system", words([&facts.system.manufacturer, &facts.system.product]));
    table.pair("serial", words([&facts.system.serial]));
    table.pair("board", words([&facts.board.manufacturer, &facts.board.product, &facts.board.serial]));
    table.pair("uuid", facts.uuid.clone().unwrap_or_default());
    let mode = match facts.boot_mode {
        BootMode::Bios => "BIOS",
        BootMode::Uefi => "UEFI",
    };
    let firmware = words([&facts.firmware.vendor, &facts.firmware.version, &facts.firmware.date]);
    table.pair("firmware", format!("{mode} {firmware}").trim());
    for cpu in &facts.cpus {
        table.pair("cpu", format!("{}, {} cores, {} threads", or_dash(&cpu.model), cpu.cores, cpu.threads));
    }
    table.pair("memory", memory(facts.memory.total));
    table.pair("bmc", facts.bmc.as_ref().map_or(String::new(), |bmc| bmc.address.clone()));
    table.pair("kernel", facts.kernel.clone());
    table.pair("clock", format!("{:+.3} s against the server", facts.clock_error_ms as f64 / 1e3));
    table
}

fn modules(facts: &Facts) -> Table {
    let mut table = Table::new(&["SLOT", "SIZE", "MT/S", "MANUFACTURER", "SERIAL"]).indented();
    for module in &facts.memory.modules {
        table.plain([
            module.slot.clone(),
            memory(module.size),
            if module.speed == 0 { "–".into() } else { module.speed.to_string() },
            or_dash(&module.manufacturer).into(),
            or_dash(&module.serial).into(),
        ]);
    }
    table
}

fn disks(facts: &Facts) -> Table {
    let mut table = Table::new(&["DISK", "SIZE", "KIND", "MODEL", "SERIAL", "WWN", "ON IT"]).indented();
    for disk in &facts.disks {
        table.plain([
            disk.name.clone(),
            size(disk.size),
            kind(disk),
            or_dash(&disk.model).into(),
            or_dash(&disk.serial).into(),
            or_dash(&disk.wwn).into(),
            content(&disk.content),
        ]);
    }
    table
}

fn interfaces(facts: &Facts) -> Table {
    let mut table = Table::new(&["INTERFACE", "MAC", "LINK", "PCI", "DRIVER", "ADDRESSES"]).indented();
    for interface in &facts.interfaces {
        let link = match (interface.link, interface.speed) {
            (false, _) => "down".into(),
            (true, 0) => "up".into(),
            (true, speed) => format!("{speed} Mb/s"),
        };
        table.plain([
            interface.name.clone(),
            interface.mac.to_string(),
            link,
            or_dash(&interface.pci).into(),
            or_dash(&interface.driver).into(),
            interface.addresses.join(" "),
        ]);
    }
    table
}

fn kind(disk: &Disk) -> String {
    let transport = match disk.transport {
        Transport::Nvme => "nvme",
        Transport::Sata => "sata",
        Transport::Sas => "sas",
        Transport::Virtio => "virtio",
        Transport::Usb => "usb",
        Transport::Other => "other",
    };
    let flags =
        [(disk.rotational, " rotational"), (disk.removable, " removable"), (disk.read_only, " read-only")];
    flags.iter().filter(|(set, _)| *set).fold(transport.into(), |kind, (_, flag)| kind + flag)
}

fn words<const N: usize>(parts: [&String; N]) -> String {
    let parts: Vec<&str> = parts.iter().map(|p| p.trim()).filter(|p| !p.is_empty()).collect();
    parts.join(" ")
}
