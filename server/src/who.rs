//! Who is it? On the wire the MAC alone says it; here the hardware that a boot found is compared with what rows know.
//! Pure: what the store knows of all concerned comes in, and what is to become of their rows goes out.

pub mod changes;
mod identifier;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use api::id::MachineId;

pub use identifier::{Identifier, Kind, identifiers, uuid_counts};

/// What a row knows of its machine's hardware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub machine: MachineId,
    pub name: String,
    pub identifiers: BTreeSet<Identifier>,
    /// It has no install and no name: nothing is lost when it turns out to be another row's machine.
    pub blank: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The machine that its certificate names. Rows that are nothing but one of its ports go into its own.
    Itself { absorbs: Vec<MachineId> },
    /// Its ports led to the wrong row: it is this machine.
    Another(MachineId),
    /// A person has to say.
    Doubt { why: String },
}

/// `own` is the row that the booting port belongs to, `others` are rows that share something with what was `found`.
/// What several machines have, or are known to have, tells nothing: `shared`.
pub fn decide(
    own: &Known,
    others: &[Known],
    found: &BTreeSet<Identifier>,
    shared: &BTreeSet<Identifier>,
) -> Verdict {
    let compare = |known: &Known| Likeness::of(&known.identifiers, found, shared);
    let likely: Vec<(&Known, Likeness)> =
        others.iter().map(|other| (other, compare(other))).filter(|(_, like)| like.agrees() >= 2).collect();
    let same: Vec<&Known> =
        likely.iter().filter(|(_, like)| like.is_same()).map(|(other, _)| *other).collect();
    let itself = compare(own);
    let stays = itself.agrees() >= itself.differs.len();
    match same[..] {
        [other] if own.blank || !stays => Verdict::Another(other.machine.clone()),
        [] if own.blank && !likely.is_empty() => {
            let (other, like) = &likely[0];
            Verdict::Doubt { why: resembles(own, other, like) }
        }
        [] if stays => {
            let port = |id: &Identifier| id.kind == Kind::Mac && found.contains(id);
            let only_ports = |other: &&Known| other.blank && other.identifiers.iter().all(port);
            Verdict::Itself { absorbs: others.iter().filter(only_ports).map(|o| o.machine.clone()).collect() }
        }
        [] => Verdict::Doubt { why: changed(own, &itself) },
        [other, ..] => Verdict::Doubt { why: resembles(own, other, &compare(other)) },
    }
}

/// Which kinds of identifiers agree and which differ; a kind that one side lacks says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Likeness {
    agrees: Vec<Kind>,
    differs: Vec<Kind>,
}

impl Likeness {
    fn of(
        known: &BTreeSet<Identifier>,
        found: &BTreeSet<Identifier>,
        shared: &BTreeSet<Identifier>,
    ) -> Likeness {
        let mut likeness = Likeness::default();
        for kind in Kind::ALL {
            let of_kind = |all: &BTreeSet<Identifier>| -> BTreeSet<Identifier> {
                all.iter().filter(|id| id.kind == kind && !shared.contains(id)).cloned().collect()
            };
            let (known, found) = (of_kind(known), of_kind(found));
            if known.is_empty() || found.is_empty() {
                continue;
            }
            let list = if known.is_disjoint(&found) { &mut likeness.differs } else { &mut likeness.agrees };
            list.push(kind);
        }
        likeness
    }

    fn agrees(&self) -> usize {
        self.agrees.len()
    }

    /// Two or more agree, more than differ, and one of them is a port or a disk: their numbers are given once in the
    /// world, whereas boards of one batch may share all of theirs.
    fn is_same(&self) -> bool {
        let given_once = self.agrees.iter().any(|kind| matches!(kind, Kind::Mac | Kind::Disk));
        self.agrees() >= 2 && self.agrees() > self.differs.len() && given_once
    }
}

fn resembles(own: &Known, other: &Known, like: &Likeness) -> String {
    format!(
        "it may be {other}: {} agree{} with {other}'s{}. If it is, `metalctl machine merge {own} {other}`; if it is a \
         machine of its own, `metalctl machine split {own}`",
        list(&like.agrees),
        if like.agrees() == 1 { "s" } else { "" },
        differing(like),
        own = own.name,
        other = other.name,
    )
}

fn changed(own: &Known, like: &Likeness) -> String {
    format!(
        "its port is in other hardware than before: {} agree{}{}. If its parts were replaced, `metalctl machine merge \
         {own} {own}`; if the port was moved into another machine, `metalctl machine split {own}`",
        list(&like.agrees),
        if like.agrees() == 1 { "s" } else { "" },
        differing(like),
        own = own.name,
    )
}

fn differing(like: &Likeness) -> String {
    match like.differs.len() {
        0 => String::new(),
        1 => format!(", {} differs", list(&like.differs)),
        _ => format!(", {} differ", list(&like.differs)),
    }
}

fn list(kinds: &[Kind]) -> String {
    let words: Vec<&str> = kinds.iter().map(|kind| kind.in_words()).collect();
    match words[..] {
        [] => "nothing".into(),
        [one] => one.into(),
        [ref rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
