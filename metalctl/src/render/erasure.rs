//! What an install or a wipe would erase, and what a deletion means, for a person who is about to say yes.

use api::facts::{Disk, DiskContent};
use api::machine::{Erasure, Machine};
use api::wipe::WipePreview;

use super::list;
use super::paint::{Paint, Tone};
use super::table::Table;
use super::words::{clean, or_dash, size};

pub fn disks(machine: &Machine, erasure: &Erasure, now: i64, paint: Paint) -> String {
    let head = list::line(machine, now, paint);
    if let Some(refusal) = &erasure.refusal {
        let refused = format!("{head}\n\nAs things stand no disk can be erased: {}\n", clean(refusal));
        return if erasure.disks.is_empty() { refused } else { refused + &table(erasure, paint) };
    }
    let warning = paint.bad(&match &erasure.profile {
        Some(profile) => format!("Installing `{profile}` erases:"),
        None => "The install erases:".into(),
    });
    format!("{head}\n\n{warning}\n{}", table(erasure, paint))
}

fn table(erasure: &Erasure, paint: Paint) -> String {
    let mut table = Table::new(&["DISK", "SIZE", "MODEL", "SERIAL", "ON IT NOW"]).indented();
    erasure.disks.iter().for_each(|disk| row(&mut table, disk));
    table.render(paint, None)
}

/// What a wipe erases, and what it leaves.
pub fn wipe(machine: &Machine, preview: &WipePreview, now: i64, paint: Paint) -> String {
    let head = list::line(machine, now, paint);
    let mut text = match preview.erased.is_empty() {
        true => format!("{head}\n\nNo disk is erased.\n"),
        false => {
            let mut table = Table::new(&["DISK", "SIZE", "MODEL", "SERIAL", "ON IT NOW"]).indented();
            preview.erased.iter().for_each(|disk| row(&mut table, disk));
            format!("{head}\n\n{}\n{}", paint.bad("This erases:"), table.render(paint, None))
        }
    };
    if !preview.left.is_empty() {
        let mut table = Table::new(&[]).indented();
        for left in &preview.left {
            table.row([(left.name.to_string(), Tone::Plain), (clean(&left.why), Tone::Quiet)]);
        }
        text += &format!("\nLeft as they are:\n{}", table.render(paint, None));
    }
    text
}

/// What it means that a machine is forgotten.
pub fn deletion(machine: &Machine, now: i64, paint: Paint) -> String {
    let head = list::line(machine, now, paint);
    let mut text =
        format!("{head}\n\n{}\n", paint.bad("Its row goes, with its history, facts, plans and logs."));
    text += "  Its disks stay as they are. A tombstone stays: when it asks to boot again it is only recorded, and boots\n  \
             its own disk, until a person lets it in.\n";
    if machine.node.is_some() {
        text += "  It leaves its cluster first.\n";
    }
    text
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

fn row(table: &mut Table, disk: &Disk) {
    table.row([
        (disk.name.clone(), Tone::Plain),
        (size(disk.size), Tone::Plain),
        (or_dash(&disk.model).into(), Tone::Plain),
        (or_dash(&disk.serial).into(), Tone::Plain),
        on_it(disk),
    ]);
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
