//! Why nothing is erased: which disk, what was found on it, and what a person can type.

use std::fmt;

use api::facts::{Disk, Identity};

#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The image has no root file system that could be installed.
    NoOperatingSystem {
        image: String,
    },
    /// The rule fits none of the disks; each with the reason.
    NoDisk {
        passed: Vec<(Disk, String)>,
    },
    /// Two disks that the rule cannot tell apart.
    Ambiguous {
        one: Box<Disk>,
        other: Box<Disk>,
    },
    /// No serial and no WWN, or the same as another disk's: an agent could not find it again.
    Nameless {
        disk: Box<Disk>,
        twin: Option<Box<Disk>>,
    },
    DoesNotFit {
        disk: Box<Disk>,
        needed: u64,
    },
    ImageDoesNotFit {
        image: String,
        needed: u64,
        root: u64,
    },
    /// Untouched, but the profile asks for a person.
    Unapproved {
        typed: String,
        disk: Box<Disk>,
        profile: String,
    },
    /// Somebody's table or signatures.
    Content {
        typed: String,
        disk: Box<Disk>,
    },
    /// An install that is not this machine's own.
    Foreign {
        typed: String,
        disk: Box<Disk>,
        identity: Box<Identity>,
        foreign: Foreign,
    },
    /// A person said yes to other disks.
    NotShown {
        typed: String,
        disk: Box<Disk>,
        shown: Vec<Disk>,
    },
    /// The disk holds what this plan or a later one has installed: the database was restored from before that.
    Overtaken {
        name: String,
        serial: String,
        planned: i64,
        found: i64,
    },
    /// A person said yes to what was on the disk then.
    Changed {
        typed: String,
        disk: Box<Disk>,
        then: Box<Disk>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    Site,
    Machine,
    /// A generation that the row has not reached.
    Newer {
        row: i64,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoOperatingSystem { image } => {
                write!(f, "image `{image}` is no operating system: name another one in the profile")
            }
            Refusal::NoDisk { passed } if passed.is_empty() => {
                f.write_str("the machine has no disk: check its cabling and its controller's mode")
            }
            Refusal::NoDisk { passed } => {
                f.write_str("no disk fits the profile's disk rule:")?;
                for (i, (disk, reason)) in passed.iter().enumerate() {
                    write!(f, "{} {} {reason}", if i == 0 { "" } else { ";" }, label(disk))?;
                }
                Ok(())
            }
            Refusal::Ambiguous { one, other } => write!(
                f,
                "the disk rule cannot tell {} from {}: add a serial or a wwn to the rule",
                label(one),
                label(other)
            ),
            Refusal::Nameless { disk, twin: None } => write!(
                f,
                "{} has neither serial nor WWN, so it could not be found again after a reboot: \
                 choose another disk in the rule",
                label(disk)
            ),
            Refusal::Nameless { disk, twin: Some(twin) } => write!(
                f,
                "{} has the same serial and WWN as {}, so one could be taken for the other: \
                 take one of them out, or choose another disk in the rule",
                label(disk),
                label(twin)
            ),
            Refusal::DoesNotFit { disk, needed } => write!(
                f,
                "the layout needs {}, {} has {}: make the layout smaller, or raise min_size in the rule",
                size(*needed),
                label(disk),
                size(disk.size)
            ),
            Refusal::ImageDoesNotFit { image, needed, root } => write!(
                f,
                "image `{image}` needs {} and the layout gives root {}: make root larger",
                size(*needed),
                size(*root)
            ),
            Refusal::Unapproved { typed, disk, profile } => write!(
                f,
                "{} would be erased, and profile `{profile}` wants a person to say so: `{typed}`",
                label(disk)
            ),
            Refusal::Content { typed, disk } => {
                write!(f, "{} is not empty ({}): if that may go, `{typed}`", label(disk), content(disk))
            }
            Refusal::Foreign { typed, disk, identity, foreign } => {
                write!(f, "{} holds {}", label(disk), installed(identity))?;
                match foreign {
                    Foreign::Site => f.write_str(", which is not ours")?,
                    Foreign::Machine => f.write_str(", which is another machine's")?,
                    Foreign::Newer { row } => {
                        write!(f, ", newer than generation {row} (was the database restored?)")?;
                    }
                }
                write!(f, ": if that may go, `{typed} --erase-foreign`")
            }
            Refusal::NotShown { typed, disk, shown } => {
                let shown: Vec<String> = shown.iter().map(label).collect();
                let shown = if shown.is_empty() { "no disk".into() } else { shown.join(", ") };
                write!(
                    f,
                    "{} would be erased, and what a person was shown is {shown}: put that disk back, or \
                     `{typed}` shows what is there now",
                    label(disk)
                )
            }
            Refusal::Overtaken { name, serial, planned, found } => write!(
                f,
                "the disk with serial {serial} holds generation {found} of this machine, installed, and the layout of \
                 generation {planned} is not written over it (was the database restored?): if it may go, \
                 `metalctl machine reprovision {name} --erase-foreign`"
            ),
            Refusal::Changed { typed, disk, then } => write!(
                f,
                "{} held {} when a person said yes, and holds {} now: `{typed}` shows it",
                label(disk),
                content(then),
                content(disk)
            ),
        }
    }
}

impl std::error::Error for Refusal {}

/// A disk as people know it: what is printed on it beside the name of this boot.
pub fn label(disk: &Disk) -> String {
    let named = [("", &disk.model), ("serial ", &disk.serial), ("wwn ", &disk.wwn)];
    let known = named.into_iter().filter(|(_, text)| !text.trim().is_empty());
    let mut inside: Vec<String> = known.map(|(what, text)| format!("{what}{}", text.trim())).collect();
    inside.push(size(disk.size));
    format!("{} ({})", disk.name, inside.join(", "))
}

/// What is on it, in words.
pub fn content(disk: &Disk) -> String {
    if disk.content.is_untouched() {
        return "nothing".into();
    }
    let table = disk.content.table.as_ref().map(|table| format!("{table} table"));
    let identity = disk.content.identity.as_ref().map(installed);
    let found = identity.into_iter().chain(table).chain(disk.content.signatures.iter().cloned());
    found.collect::<Vec<_>>().join(", ")
}

fn installed(identity: &Identity) -> String {
    let Identity { site, machine, hostname, generation } = identity;
    format!("`{hostname}` of site `{site}` (machine {machine}, generation {generation})")
}

/// In the largest unit that leaves a number of at least 1.
pub fn size(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(shift, _)| bytes >> shift > 0) {
        Some((shift, unit)) => format!("{:.1} {unit}", bytes as f64 / (1u64 << shift) as f64),
        None => format!("{bytes} bytes"),
    }
}
