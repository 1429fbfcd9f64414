//! What an install would erase, for a person who is about to say yes.

use api::facts::{Disk, DiskContent};
use api::machine::{Erasure, Machine};

use super::list;
use super::paint::{Paint, Tone};
use super::table::Table;
use super::words::{clean, or_dash, size};

pub fn disks(machine: &Machine, erasure: &Erasure, now: i64, paint: Paint) -> String {
    let head = list::line(machine, now, paint);
    if let Some(refusal) = &erasure.refusal {
        return format!("{head}\n\nAs things stand no disk can be erased: {}\n", clean(refusal));
    }
    let warning = paint.bad(&match &erasure.profile {
        Some(profile) => format!("Installing `{profile}` erases:"),
        None => "The install erases:".into(),
    });
    let mut table = Table::new(&["DISK", "SIZE", "MODEL", "SERIAL", "ON IT NOW"]).indented();
    for disk in &erasure.disks {
        table.row([
            (disk.name.clone(), Tone::Plain),
            (size(disk.size), Tone::Plain),
            (or_dash(&disk.model).into(), Tone::Plain),
            (or_dash(&disk.serial).into(), Tone::Plain),
            on_it(disk),
        ]);
    }
    format!("{head}\n\n{warning}\n{}", table.render(paint, None))
}

/// What a person vouches for or allows beside the erasure; empty where that is nothing.
pub fn leaving(powered_off: bool, force: bool, paint: Paint) -> String {
    let mut text = String::new();
    if powered_off {
        text += &paint.bad("You vouch for it: the machine is without power, and stays so.");
        text += "\n  Its pods are started elsewhere without its help. If it still runs, they run twice, and both\n  \
                 may write to the same volume.\n";
    }
    if force {
        text += &paint.bad("You allow more than a drain does:");
        text += "\n  Pods without a controller go too, and nobody makes them again.\n";
    }
    text
}

fn on_it(disk: &Disk) -> (String, Tone) {
    let tone = if disk.content.is_untouched() { Tone::Quiet } else { Tone::Waiting };
    (content(&disk.content), tone)
}

/// What lies on a disk, in words.
pub fn content(content: &DiskContent) -> String {
    if content.is_untouched() {
        return "nothing: no table, no signature".into();
    }
    let mut parts = Vec::new();
    if let Some(identity) = &content.identity {
        parts.push(format!(
            "our install: {} of site {}, generation {}",
            identity.hostname, identity.site, identity.generation
        ));
    }
    parts.extend(content.table.clone());
    parts.extend(content.signatures.clone());
    parts.join("; ")
}
