//! Machines that were deleted.

use api::tombstone::Tombstone;

use super::paint::{Paint, Tone};
use super::table::Table;
use super::words::{lasting, or_dash};

pub fn list(tombstones: &[Tombstone], now: i64, paint: Paint) -> String {
    let mut table = Table::new(&["MACHINE", "DELETED", "BY", "WAS", "SERIAL", "INTERFACES"]);
    for tombstone in tombstones {
        let name = tombstone.hostname.as_ref().map_or(&*tombstone.machine.0, |name| name.as_str());
        let macs: Vec<String> = tombstone.interfaces.iter().map(ToString::to_string).collect();
        table.row([
            (name.into(), Tone::Plain),
            (format!("{} ago", lasting(tombstone.at, now)), Tone::Quiet),
            (tombstone.who.clone(), Tone::Plain),
            (tombstone.state.to_string(), Tone::Plain),
            (or_dash(&tombstone.serial).into(), Tone::Plain),
            (macs.join(" "), Tone::Plain),
        ]);
    }
    table.render(paint, None)
}
