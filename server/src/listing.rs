//! From all machines to the ones that a person's list shows, in the order in which they stand, with what there is of
//! each state and tone among them. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

use api::label::{Labels, Selector};
use api::state::State;
use serde::Deserialize;
use web::{Counts, Filter, Standing, Tone};

use crate::lifecycle::patience::patience;
use crate::store::list::Line;
use crate::store::{Error, Result};

/// What the store found for the parts of a filter that are not in a line itself.
#[derive(Debug, Default)]
pub struct Found {
    /// A set a word.
    pub words: Vec<HashSet<String>>,
    pub labels: Vec<(Selector, HashMap<String, Labels>)>,
}

/// A list, all of its pages.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub ids: Vec<String>,
    pub counts: Counts,
    /// Of all machines, whatever is listed.
    pub racks: BTreeSet<String>,
}

pub fn list(lines: &[Line], filter: &Filter, found: &Found) -> Result<Listing> {
    let mut counts = Counts { all: lines.len(), ..Counts::default() };
    let mut listed: Vec<&Line> = Vec::new();
    for line in lines.iter().filter(|line| fits(line, filter, found)) {
        let (state, tone) = judged(line)?;
        let of_state = filter.state.is_none_or(|wanted| wanted == state);
        let of_tone = filter.asks.is_none_or(|wanted| wanted == tone);
        let in_doubt = !filter.quarantined || line.quarantined;
        // What a click on another state, or on another tone, would show.
        if of_tone && in_doubt {
            *counts.states.entry(state).or_default() += 1;
        }
        if of_state && in_doubt {
            *counts.tones.entry(tone).or_default() += 1;
        }
        if of_state && of_tone && line.quarantined {
            counts.quarantined += 1;
        }
        if of_state && of_tone && in_doubt {
            listed.push(line);
        }
    }
    listed.sort_by_cached_key(|line| place(line));
    counts.listed = listed.len();
    let racks = lines.iter().filter_map(|line| line.rack.clone()).collect();
    Ok(Listing { ids: listed.into_iter().map(|line| line.id.clone()).collect(), counts, racks })
}

/// Which of a list's pages this is, and what is on it. A page behind the last one is the last one.
pub fn window(ids: &[String], page: usize, rows: usize) -> (usize, &[String]) {
    let pages = ids.len().div_ceil(rows).max(1);
    let page = page.clamp(1, pages);
    let from = (page - 1) * rows;
    (page, &ids[from..ids.len().min(from + rows)])
}

fn fits(line: &Line, filter: &Filter, found: &Found) -> bool {
    let is = |wanted: &str, value: &Option<String>| wanted.is_empty() || value.as_deref() == Some(wanted);
    let none = Labels::new();
    is(&filter.profile, &line.profile)
        && is(&filter.cluster, &line.cluster)
        && is(&filter.rack, &line.rack)
        && found.words.iter().all(|machines| machines.contains(&line.id))
        && found.labels.iter().all(|(selector, of)| selector.holds(of.get(&line.id).unwrap_or(&none)))
}

/// As one looks at a rack: the highest unit on top, and what stands nowhere that we know of behind all racks.
fn place(line: &Line) -> (bool, Option<String>, Reverse<Option<i64>>, String) {
    let name = line.hostname.clone().unwrap_or_else(|| line.id.clone());
    (line.rack.is_none(), line.rack.clone(), Reverse(line.unit), name)
}

/// What a line comes down to.
fn judged(line: &Line) -> Result<(State, Tone)> {
    #[derive(Deserialize)]
    struct Node {
        ready: bool,
    }
    let state: State =
        line.state.parse().map_err(|_| Error::Stored { place: "machine.state", text: line.state.clone() })?;
    let node: Option<Node> = line.node.as_deref().and_then(|body| serde_json::from_str(body).ok());
    let waits = !matches!(state, State::Active | State::Retired);
    let standing = Standing {
        state,
        held: line.hold || line.maintenance,
        ready: node.map(|node| node.ready),
        patient: line.power_off || (waits && patience(state).is_none()),
    };
    Ok((state, standing.tone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, state: &str) -> Line {
        Line { id: id.into(), hostname: Some(id.into()), state: state.into(), ..Line::default() }
    }

    fn ids(lines: &[Line], filter: &Filter) -> Vec<String> {
        list(lines, filter, &Found::default()).unwrap().ids
    }

    #[test]
    fn machines_stand_as_in_their_racks() {
        let at = |id: &str, rack: &str, unit| Line {
            rack: Some(rack.into()),
            unit: Some(unit),
            ..line(id, "active")
        };
        let lines = [line("loose", "active"), at("low", "A", 1), at("b", "B", 9), at("high", "A", 40)];
        assert_eq!(ids(&lines, &Filter::default()), ["high", "low", "b", "loose"]);
        let of_b = Filter { rack: "B".into(), ..Filter::default() };
        assert_eq!(ids(&lines, &of_b), ["b"]);
        let racks = list(&lines, &of_b, &Found::default()).unwrap().racks;
        assert_eq!(racks.into_iter().collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn a_count_is_what_a_click_on_it_would_list() {
        let node = |id, ready: bool| Line {
            node: Some(format!("{{\"ready\":{ready},\"x\":1}}")),
            ..line(id, "active")
        };
        let doubt = Line { quarantined: true, hold: true, ..line("q", "inspecting") };
        let lines = [
            node("up", true),
            node("down", false),
            line("dead", "failed"),
            line("new", "discovered"),
            line("off", "inspecting"),
            Line { power_off: true, ..line("wished", "installing") },
            line("gone", "retired"),
            doubt,
        ];
        let all = list(&lines, &Filter::default(), &Found::default()).unwrap().counts;
        for (state, count) in &all.states {
            let filter = Filter { state: Some(*state), ..Filter::default() };
            assert_eq!(ids(&lines, &filter).len(), *count, "{state}");
        }
        for (tone, count) in &all.tones {
            let filter = Filter { asks: Some(*tone), ..Filter::default() };
            assert_eq!(ids(&lines, &filter).len(), *count, "{tone:?}");
        }
        let counted: Vec<_> = all.tones.iter().map(|(tone, count)| (tone.as_str(), *count)).collect();
        let want = [("bad", 2), ("wait", 2), ("held", 1), ("busy", 1), ("good", 1), ("quiet", 1)];
        assert_eq!(counted, want);
        assert_eq!((all.all, all.listed, all.quarantined), (8, 8, 1));
        let bad = Filter { asks: Some(Tone::Bad), ..Filter::default() };
        let bad = list(&lines, &bad, &Found::default()).unwrap().counts;
        assert_eq!((bad.all, bad.listed, bad.states.len(), bad.tones.len()), (8, 2, 2, 6));
        assert_eq!(ids(&lines, &Filter { quarantined: true, ..Filter::default() }), ["q"]);
    }

    #[test]
    fn words_and_labels_all_have_to_hold() {
        let lines = [line("a", "active"), line("b", "active"), line("c", "active")];
        let set = |ids: &[&str]| ids.iter().map(|id| id.to_string()).collect::<HashSet<_>>();
        let labels = |ids: &[&str]| {
            ids.iter().map(|id| (id.to_string(), Labels::from([("zone".into(), "a".into())]))).collect()
        };
        let found = Found {
            words: vec![set(&["a", "b"]), set(&["b", "c"])],
            labels: vec![
                ("zone=a".parse().unwrap(), labels(&["b"])),
                ("tier!=db".parse().unwrap(), HashMap::new()),
            ],
        };
        assert_eq!(list(&lines, &Filter::default(), &found).unwrap().ids, ["b"]);
        let none = Found { labels: vec![("zone!=a".parse().unwrap(), labels(&["b"]))], ..Found::default() };
        assert_eq!(list(&lines, &Filter::default(), &none).unwrap().ids, ["a", "c"]);
    }

    #[test]
    fn pages() {
        let ids: Vec<String> = (0..5).map(|n| n.to_string()).collect();
        assert_eq!(window(&ids, 1, 2), (1, &ids[0..2]));
        assert_eq!(window(&ids, 3, 2), (3, &ids[4..5]));
        assert_eq!(window(&ids, 9, 2), (3, &ids[4..5]));
        assert_eq!(window(&[], 4, 2), (1, &[][..]));
    }
}
