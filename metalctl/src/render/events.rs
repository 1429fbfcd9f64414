//! What happened to machines, one event a line.

use api::machine::MachineEvent;

use super::paint::{Paint, Tone};
use super::table::Table;
use super::words::{clean, moment};

pub fn table(events: &[MachineEvent], paint: Paint) -> String {
    let mut table = Table::new(&["TIME", "MACHINE", "EVENT", "STATE", "BY", "NOTE"]);
    for event in events {
        let tone = if event.entry.refused { Tone::Bad } else { Tone::Plain };
        let plain = |text: String| (text, Tone::Plain);
        let entry = &event.entry;
        table.row([
            plain(moment(entry.at)),
            plain(event.name.clone()),
            (entry.event.clone(), tone),
            plain(change(event)),
            plain(entry.who.clone()),
            plain(note(event)),
        ]);
    }
    table.render(paint, None)
}

/// An event in a line of its own.
pub fn line(event: &MachineEvent, paint: Paint) -> String {
    let entry = &event.entry;
    let tone = if entry.refused { Tone::Bad } else { Tone::Plain };
    let what = paint.tone(tone, &clean(&entry.event));
    let note = note(event);
    let note = if note.is_empty() { note } else { format!(": {note}") };
    let (time, name) = (moment(entry.at), clean(&event.name));
    format!("{time} {name} {what} by {}, {}{}", clean(&entry.who), change(event), clean(&note))
}

fn change(event: &MachineEvent) -> String {
    let (from, to) = (event.entry.from, event.entry.to);
    if from == to { to.to_string() } else { format!("{from} → {to}") }
}

fn note(event: &MachineEvent) -> String {
    let refused = if event.entry.refused { "refused: " } else { "" };
    format!("{refused}{}", event.entry.note)
}
