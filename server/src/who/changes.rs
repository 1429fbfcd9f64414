//! What is different about a machine since its facts were read last: reported, never refused. Whether a disk that is to
//! be erased is still the one that was meant is decided elsewhere.

use api::facts::{Disk, Facts, Product};

/// A phrase each; empty where all is as it was.
pub fn changes(before: &Facts, now: &Facts) -> Vec<String> {
    let mut all = ports(before, now);
    let uuid = |facts: &Facts| facts.uuid.clone().unwrap_or_default();
    all.extend(changed("UUID", &uuid(before), &uuid(now)));
    let serials = |f: fn(&Facts) -> &Product| (f(before).serial.clone(), f(now).serial.clone());
    for (what, (was, is)) in [
        ("system serial", serials(|facts| &facts.system)),
        ("board serial", serials(|facts| &facts.board)),
        ("chassis serial", serials(|facts| &facts.chassis)),
    ] {
        all.extend(changed(what, &was, &is));
    }
    all.extend(disks(before, now));
    if before.memory.total.abs_diff(now.memory.total) > before.memory.total / 16 {
        let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
        all.push(format!(
            "memory was {:.1} GiB, is {:.1} GiB",
            gib(before.memory.total),
            gib(now.memory.total)
        ));
    }
    all
}

fn changed(what: &str, was: &str, is: &str) -> Option<String> {
    let or_none = |text: &str| if text.is_empty() { "none".to_string() } else { text.to_string() };
    (was != is).then(|| format!("{what} was {}, is {}", or_none(was), or_none(is)))
}

fn ports(before: &Facts, now: &Facts) -> Vec<String> {
    let lacks = |facts: &Facts, mac| !facts.interfaces.iter().any(|port| port.mac == mac);
    let gone = before.interfaces.iter().filter(|port| lacks(now, port.mac));
    let new = now.interfaces.iter().filter(|port| lacks(before, port.mac));
    let gone = gone.map(|port| format!("port {} is gone", port.mac));
    gone.chain(new.map(|port| format!("port {} is new", port.mac))).collect()
}

fn disks(before: &Facts, now: &Facts) -> Vec<String> {
    fn same<'a>(disks: &'a [Disk], disk: &Disk) -> Option<&'a Disk> {
        let nameless = |d: &Disk| d.serial.trim().is_empty() && d.wwn.trim().is_empty();
        let alike =
            |d: &Disk| nameless(d) && nameless(disk) && (&d.model, d.size) == (&disk.model, disk.size);
        disks.iter().find(|d| d.is_same(disk) || alike(d))
    }
    let mut all = Vec::new();
    for disk in &before.disks {
        match same(&now.disks, disk) {
            None => all.push(format!("disk {} is gone", label(disk))),
            Some(found) if found.size != disk.size => {
                all.push(format!("disk {} had {} bytes, has {}", label(disk), disk.size, found.size));
            }
            Some(_) => {}
        }
    }
    let new = now.disks.iter().filter(|disk| same(&before.disks, disk).is_none());
    all.extend(new.map(|disk| format!("disk {} is new", label(disk))));
    all
}

fn label(disk: &Disk) -> String {
    let name = [disk.serial.trim(), disk.wwn.trim()].into_iter().find(|name| !name.is_empty());
    [disk.model.trim(), name.unwrap_or("without a serial")].join(" ").trim().to_string()
}
