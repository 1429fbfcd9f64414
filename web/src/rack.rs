//! The rack: machines where they stand, one a row.

use std::collections::BTreeMap;

use api::cluster::Cluster;
use api::machine::{Machine, Position};
use api::state::State;
use askama::Template;

use crate::cluster::cluster_chip;
use crate::frame::{Frame, Visitor};
use crate::status::Progress;
use crate::tone::{of_node, tone};
use crate::words::{Since, Until};

#[derive(Template)]
#[template(path = "rack.html")]
struct RackPage<'a> {
    frame: Frame<'a>,
    paging: &'a Paging,
    total: usize,
    counts: Vec<Count>,
    clusters: Vec<String>,
    shelves: Vec<Shelf<'a>>,
}

/// Which part of a long list a page shows. Both empty where all fits on one page.
#[derive(Clone, Debug, Default)]
pub struct Paging {
    pub after: String,
    pub next: Option<String>,
}

/// A rack, or what stands nowhere that we know of.
struct Shelf<'a> {
    name: String,
    rows: Vec<Row<'a>>,
}

/// How many machines want the same of a person.
struct Count {
    tone: &'static str,
    words: &'static str,
    number: usize,
}

#[derive(Template)]
#[template(path = "rack_row.html")]
struct Row<'a> {
    machine: &'a Machine,
    tone: &'static str,
    state: String,
    node: Option<(String, &'static str)>,
    hindrance: String,
    since: Since,
    until: Option<Until>,
    progress: Option<Progress>,
}

pub fn rack_page(
    (machines, clusters): (&[Machine], &[Cluster]),
    paging: &Paging,
    visitor: &Visitor,
    now: i64,
) -> askama::Result<String> {
    let frame = Frame::live(visitor, now, format!("/live?after={}", paging.after));
    let (counts, shelves) = (counts(machines), shelves(machines, now));
    let clusters = clusters.iter().map(cluster_chip).collect::<askama::Result<_>>()?;
    RackPage { frame, paging, total: machines.len(), counts, clusters, shelves }.render()
}

/// A machine's row alone, to take the place of the one with the same id.
pub fn rack_row(machine: &Machine, now: i64) -> askama::Result<String> {
    row(machine, now).render()
}

/// As one looks at a rack: the highest unit on top.
fn shelves(machines: &[Machine], now: i64) -> Vec<Shelf<'_>> {
    let mut racks: BTreeMap<Option<&str>, Vec<&Machine>> = BTreeMap::new();
    for machine in machines {
        let rack = machine.position.as_ref().map(|position| position.rack.as_str());
        racks.entry(rack).or_default().push(machine);
    }
    let nowhere = racks.remove(&None);
    let placed = racks.into_iter().map(|(rack, machines)| (format!("Rack {}", rack.unwrap_or("")), machines));
    let all = placed.chain(nowhere.map(|machines| ("Without a position".to_string(), machines)));
    all.map(|(name, mut machines)| {
        machines.sort_by_key(|m| (std::cmp::Reverse(m.position.as_ref().map(|p| p.unit)), m.name()));
        Shelf { name, rows: machines.into_iter().map(|machine| row(machine, now)).collect() }
    })
    .collect()
}

fn counts(machines: &[Machine]) -> Vec<Count> {
    let words = [
        ("bad", "failed or NotReady"),
        ("wait", "waiting for a person"),
        ("held", "held"),
        ("busy", "on their way"),
        ("good", "active"),
        ("quiet", "retired"),
    ];
    let number = |wanted| machines.iter().filter(|machine| tone(machine) == wanted).count();
    words.into_iter().map(|(tone, words)| Count { tone, words, number: number(tone) }).collect()
}

fn row(machine: &Machine, now: i64) -> Row<'_> {
    let serves = matches!(machine.state, State::Active | State::Draining);
    let deadline = machine.wait.as_ref().and_then(|wait| wait.deadline);
    Row {
        machine,
        tone: tone(machine),
        state: api::words::state(machine),
        node: machine.node.as_ref().map(|node| (api::words::ready(node), of_node(node))),
        hindrance: machine.node.as_ref().filter(|_| serves).map(api::words::hindrance).unwrap_or_default(),
        since: Since { at: machine.since, now },
        until: deadline.map(|at| Until { at, now }),
        progress: Progress::of(machine),
    }
}

impl Row<'_> {
    fn unit(&self) -> String {
        self.machine.position.as_ref().map_or(String::new(), |Position { unit, .. }| unit.to_string())
    }
}
