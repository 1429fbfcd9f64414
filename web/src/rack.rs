//! The rack: machines where they stand, one a row, narrowed by a filter and shown in pages.

use std::collections::{BTreeMap, BTreeSet};

use api::cluster::Cluster;
use api::machine::{Machine, Position};
use api::state::State;
use api::user::Role;
use askama::Template;

use crate::cluster::cluster_chip;
use crate::filter::Filter;
use crate::frame::{Frame, Visitor};
use crate::status::Progress;
use crate::tone::{Tone, of_node, tone};
use crate::verb::Verb;
use crate::words::{Since, Until};

/// All that the page shows.
#[derive(Clone, Copy, Debug)]
pub struct RackView<'a> {
    /// On this page, in the order of the list.
    pub machines: &'a [Machine],
    pub clusters: &'a [Cluster],
    pub filter: &'a Filter,
    pub counts: &'a Counts,
    pub choices: &'a Choices,
    /// Machines on a page at most.
    pub rows: usize,
}

/// How many machines there are, and how many a click would list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// With no filter at all.
    pub all: usize,
    /// With this one, on all of its pages.
    pub listed: usize,
    pub states: BTreeMap<State, usize>,
    pub tones: BTreeMap<Tone, usize>,
    pub quarantined: usize,
}

/// What a filter can name.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    pub profiles: Vec<String>,
    pub clusters: Vec<String>,
    pub racks: BTreeSet<String>,
    /// Keys of labels.
    pub labels: Vec<String>,
}

#[derive(Template)]
#[template(path = "rack.html")]
struct RackPage<'a> {
    frame: Frame<'a>,
    view: RackView<'a>,
    counts: String,
    clusters: Vec<String>,
    shelves: Vec<Shelf<'a>>,
    may_act: bool,
    verbs: Vec<OfAll>,
    pages: Pages,
}

/// A verb that can be said of the ticked machines.
struct OfAll {
    verb: Verb,
    /// Why who looks at the page may not.
    refusal: Option<String>,
}

/// Where in a long list this page is.
struct Pages {
    from: usize,
    to: usize,
    of: usize,
    /// First and previous page, next and last page: where they are.
    before: Option<(String, String)>,
    behind: Option<(String, String)>,
}

/// A rack, or what stands nowhere that we know of.
struct Shelf<'a> {
    name: String,
    rows: Vec<Row<'a>>,
}

/// How many machines are like each other, and where they are listed.
struct Count {
    tone: &'static str,
    words: String,
    number: usize,
    link: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "rack_counts.html")]
struct CountsPart {
    tones: Vec<Count>,
    states: Vec<Count>,
    any_state: Count,
}

#[derive(Template)]
#[template(path = "rack_row.html")]
struct Row<'a> {
    machine: &'a Machine,
    may_act: bool,
    name: String,
    tone: &'static str,
    state: String,
    node: Option<(String, &'static str)>,
    hindrance: String,
    since: Since,
    until: Option<Until>,
    progress: Option<Progress>,
}

pub fn rack_page(view: RackView<'_>, visitor: &Visitor, now: i64) -> askama::Result<String> {
    let query = view.filter.query();
    let frame = Frame::live(visitor, now, format!("/live?list=yes&{query}").trim_end_matches('&')).at("/");
    RackPage {
        frame,
        view,
        counts: rack_counts(view.counts, view.filter)?,
        clusters: view.clusters.iter().map(cluster_chip).collect::<askama::Result<_>>()?,
        shelves: shelves(view.machines, may_act(visitor), now),
        may_act: may_act(visitor),
        verbs: Verb::ALL
            .into_iter()
            .filter(|verb| verb.is_common())
            .map(|verb| of_all(verb, visitor))
            .collect(),
        pages: pages(view),
    }
    .render()
}

/// The numbers above the list alone, to take the place of the element with the same id.
pub fn rack_counts(counts: &Counts, filter: &Filter) -> askama::Result<String> {
    let tone_count = |tone: Tone| {
        let here = filter.asks == Some(tone);
        Count {
            tone: tone.as_str(),
            words: tone.words().into(),
            number: counts.tones.get(&tone).copied().unwrap_or(0),
            link: filter.with(|f| f.asks = (!here).then_some(tone)).link(),
            here,
        }
    };
    let state_count = |state: State| Count {
        tone: "quiet",
        words: state.to_string(),
        number: counts.states.get(&state).copied().unwrap_or(0),
        link: filter.with(|f| f.state = Some(state)).link(),
        here: filter.state == Some(state),
    };
    let quarantined = Count {
        tone: "held",
        words: "quarantined".into(),
        number: counts.quarantined,
        link: filter.with(|f| f.quarantined = !filter.quarantined).link(),
        here: filter.quarantined,
    };
    let any_state = Count {
        tone: "quiet",
        words: "any state".into(),
        number: counts.states.values().sum(),
        link: filter.with(|f| f.state = None).link(),
        here: filter.state.is_none(),
    };
    CountsPart {
        tones: Tone::ALL.into_iter().map(tone_count).chain([quarantined]).collect(),
        states: State::ALL.into_iter().map(state_count).collect(),
        any_state,
    }
    .render()
}

/// A machine's row alone, to take the place of the one with the same id.
pub fn rack_row(machine: &Machine, visitor: &Visitor, now: i64) -> askama::Result<String> {
    row(machine, may_act(visitor), now).render()
}

/// Who only looks is not asked to choose.
fn may_act(visitor: &Visitor) -> bool {
    visitor.role >= Role::Operator
}

/// In the order of the list, a shelf for each rack that begins.
fn shelves(machines: &[Machine], may_act: bool, now: i64) -> Vec<Shelf<'_>> {
    let rack = |machine: &Machine| machine.position.as_ref().map(|position| position.rack.clone());
    let racks = machines.chunk_by(|one, next| rack(one) == rack(next));
    racks
        .map(|machines| Shelf {
            name: match machines.first().and_then(rack) {
                Some(rack) => format!("Rack {rack}"),
                None => "Without a position".into(),
            },
            rows: machines.iter().map(|machine| row(machine, may_act, now)).collect(),
        })
        .collect()
}

fn pages(view: RackView<'_>) -> Pages {
    let (of, rows) = (view.counts.listed, view.rows.max(1));
    let (page, last) = (view.filter.page.max(1), of.div_ceil(rows).max(1));
    let from = (page - 1) * rows;
    let link = |page| view.filter.with(|filter| filter.page = page).link();
    Pages {
        from: from + 1,
        to: from + view.machines.len(),
        of,
        before: (page > 1).then(|| (link(1), link(page - 1))),
        behind: (page < last).then(|| (link(page + 1), link(last))),
    }
}

fn row(machine: &Machine, may_act: bool, now: i64) -> Row<'_> {
    let serves = matches!(machine.state, State::Active | State::Draining);
    let deadline = machine.wait.as_ref().and_then(|wait| wait.deadline);
    Row {
        machine,
        may_act,
        name: machine.name(),
        tone: tone(machine),
        state: api::words::state(machine),
        node: machine.node.as_ref().map(|node| (api::words::ready(node), of_node(node))),
        hindrance: machine.node.as_ref().filter(|_| serves).map(api::words::hindrance).unwrap_or_default(),
        since: Since { at: machine.since, now },
        until: deadline.map(|at| Until { at, now }),
        progress: Progress::of(machine),
    }
}

fn of_all(verb: Verb, visitor: &Visitor) -> OfAll {
    let refused = visitor.role < verb.role();
    OfAll { verb, refusal: refused.then(|| format!("needs the role {}", verb.role())) }
}

impl RackPage<'_> {
    fn is_state(&self, state: &State) -> bool {
        self.view.filter.state == Some(*state)
    }

    fn asks(&self, tone: &Tone) -> bool {
        self.view.filter.asks == Some(*tone)
    }
}

impl Row<'_> {
    fn unit(&self) -> String {
        self.machine.position.as_ref().map_or(String::new(), |Position { unit, .. }| unit.to_string())
    }
}
