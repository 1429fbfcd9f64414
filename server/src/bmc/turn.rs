//! Whether a machine may be switched on now: the groups before its own are looked at, with what they wait for outside,
//! and the mains give it a place.

use std::collections::BTreeMap;
use std::time::Duration;

use api::bmc::Power;
use api::id::MachineId;
use api::label::Labels;
use api::machine::Machine;
use api::power::{GroupView, HostView};
use api::state::State;
use tokio::time::Instant;

use super::access::Open;
use super::bmcs::Bmcs;
use super::order::{Group, Stagger, free_in, has_place, may_begin, take_place};
use crate::app::App;
use crate::clock;
use crate::config::power::{Check, Member, PowerGroup};
use crate::lifecycle::patience::SILENT;
use crate::store::Result;
use crate::store::machine::Row;
use crate::webhook::tls_config;

/// A group as it was a moment ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupNow {
    pub view: GroupView,
    pub patience: Duration,
}

/// Groups are looked at anew after this time, in microseconds.
const LOOK: i64 = 10_000_000;
/// A check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(3);
const PAGE: i64 = 500;
/// After this time in which nobody waited, an outage is over, in microseconds.
const FORGET: i64 = 600_000_000;

/// None where it is its turn, and a place is free; else what it waits for.
pub async fn waits_for<O: Open>(app: &App, bmcs: &Bmcs<O>, row: &Row) -> Result<Option<String>> {
    let now = clock::now();
    let labels = labels(app, &row.id, &row.id).await?.remove(&row.id).unwrap_or_default();
    let id = row.id();
    let member = Member {
        id: &id,
        hostname: row.hostname.as_deref(),
        profile: row.profile.as_deref(),
        labels: &labels,
    };
    let mine = app.site.power_group(member);
    let groups = if mine == 0 { Vec::new() } else { groups(app, bmcs, now).await? };
    let known: Vec<Group> =
        groups.iter().map(|group| Group { well: group.view.well, patience: group.patience }).collect();
    let mut mains = bmcs.mains();
    // What was waited for in an outage long ago is no patience of this one.
    if now.saturating_sub(mains.asked_at) > FORGET {
        mains.waits.clear();
    }
    mains.asked_at = now;
    mains.waiting.insert((mine, row.id.clone()));
    if let Err(before) = may_begin(&known, mine, &mut mains.waits, now) {
        let name = groups.get(before).map_or("", |group| group.view.name.as_str());
        return Ok(Some(format!("the group `{name}`, which is switched on before it")));
    }
    if !has_place(stagger(app), &mains.recent, now) {
        return Ok(Some("its place among those switched on".into()));
    }
    mains.waiting.remove(&(mine, row.id.clone()));
    Ok(None)
}

/// False where a place is free among those that are switched on now, whatever its group. Else it waits for its turn.
pub fn waits_for_place<O: Open>(app: &App, bmcs: &Bmcs<O>, row: &Row) -> bool {
    let mut mains = bmcs.mains();
    let free = has_place(stagger(app), &mains.recent, clock::now());
    if !free {
        mains.waiting.insert((0, row.id.clone()));
    }
    !free
}

/// A place among those that are switched on at this moment, by when it was taken.
#[derive(Clone, Copy, Debug)]
pub struct Place(i64);

/// Takes its place, for this moment. Whoever finds none any more waits for its turn, and where it was `told` what to boot, it
/// need not be told again.
pub fn finds_place<O: Open>(app: &App, bmcs: &Bmcs<O>, row: &Row, told: bool) -> Option<Place> {
    let (mut mains, now) = (bmcs.mains(), clock::now());
    let found = take_place(stagger(app), &mut mains.recent, now);
    if !found {
        mains.waiting.insert((0, row.id.clone()));
    }
    if !found && told {
        mains.told.insert(row.id.clone(), now);
    }
    found.then_some(Place(now))
}

/// The same for whoever comes once: waits for it, as long as that takes no longer than `patience`.
pub async fn awaits_place<O: Open>(app: &App, bmcs: &Bmcs<O>, patience: Duration) -> Option<Place> {
    let end = Instant::now() + patience;
    loop {
        let wait = {
            let (mut mains, now) = (bmcs.mains(), clock::now());
            if take_place(stagger(app), &mut mains.recent, now) {
                return Some(Place(now));
            }
            free_in(stagger(app), &mains.recent, now)
        };
        if Instant::now() + wait > end {
            return None;
        }
        tokio::time::sleep(wait).await;
    }
}

/// Nothing was switched on.
pub fn gives_back<O: Open>(bmcs: &Bmcs<O>, Place(at): Place) {
    let mut mains = bmcs.mains();
    if let Some(index) = mains.recent.iter().position(|taken| *taken == at) {
        mains.recent.remove(index);
    }
}

/// Whether it was told a moment ago what to boot, and waited for its place since.
pub fn was_told<O: Open>(bmcs: &Bmcs<O>, row: &Row) -> bool {
    let told = bmcs.mains().told.remove(&row.id);
    told.is_some_and(|at| clock::now().saturating_sub(at) < FORGET)
}

fn stagger(app: &App) -> Stagger {
    Stagger { at_once: app.site.power.at_once, within: app.site.power.inrush }
}

/// Some of those that wait for their turn, those of the first group in front. Whoever still waits says so again.
pub fn take_waiting<O: Open>(bmcs: &Bmcs<O>, most: usize) -> Vec<MachineId> {
    let mut mains = bmcs.mains();
    let some: Vec<(usize, String)> = mains.waiting.iter().take(most).cloned().collect();
    some.iter().for_each(|one| _ = mains.waiting.remove(one));
    some.into_iter().map(|(_, machine)| MachineId(machine)).collect()
}

/// The groups as they are, or were a few seconds ago.
pub async fn groups<O: Open>(app: &App, bmcs: &Bmcs<O>, now: i64) -> Result<Vec<GroupNow>> {
    if let Some((at, groups)) = &bmcs.mains().groups
        && now - at < LOOK
    {
        return Ok(groups.clone());
    }
    let mut groups: Vec<GroupNow> = app.site.power.group.iter().map(empty).collect();
    for (index, group) in app.site.power.group.iter().enumerate() {
        for check in &group.checks {
            let fault = answers(check).await.err();
            groups[index].view.well &= fault.is_none();
            groups[index].view.hosts.push(HostView { name: host(check), check: check.to_string(), fault });
        }
    }
    let mut after = String::new();
    loop {
        let rows = app.store.machines(&after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.id.clone();
        for machine in app.views(&rows).await? {
            let member = Member {
                id: &machine.id,
                hostname: machine.hostname.as_ref().map(|name| name.as_str()),
                profile: machine.profile.as_deref(),
                labels: &machine.labels,
            };
            if let Some(group) = groups.get_mut(app.site.power_group(member)) {
                group.view.well &= serves(&machine, now);
                group.view.machines.push(machine.id);
            }
        }
    }
    bmcs.mains().groups = Some((now, groups.clone()));
    Ok(groups)
}

fn empty(group: &PowerGroup) -> GroupNow {
    let view = GroupView { name: group.name.clone(), machines: Vec::new(), hosts: Vec::new(), well: true };
    GroupNow { view, patience: group.wait }
}

/// Whether those that need this machine need wait no longer.
fn serves(machine: &Machine, now: i64) -> bool {
    let unwanted = machine.hold || machine.maintenance || machine.power_off || !machine.enrolled;
    if unwanted || matches!(machine.state, State::Retired | State::Failed) {
        return true;
    }
    let off = machine.power.as_ref().is_some_and(|power| power.power == Power::Off);
    let heard = machine.last_seen.is_some_and(|at| now - at < SILENT);
    let ready = machine.state != State::Active || machine.node.as_ref().is_none_or(|node| node.ready);
    !off && heard && ready
}

fn host(check: &Check) -> String {
    match check {
        Check::Tcp(host, _) => host.clone(),
        Check::Http(url) => {
            let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            rest.split('/').next().unwrap_or_default().into()
        }
    }
}

async fn answers(check: &Check) -> std::result::Result<(), String> {
    let late = |_| format!("no answer in {} s", PATIENCE.as_secs());
    match check {
        Check::Tcp(host, port) => {
            let connecting = tokio::net::TcpStream::connect((host.as_str(), *port));
            let connected = tokio::time::timeout(PATIENCE, connecting).await.map_err(late)?;
            connected.map(drop).map_err(|error| error.to_string())
        }
        Check::Http(url) => {
            let status = tokio::time::timeout(PATIENCE, status(url)).await.map_err(late)??;
            if status < 400 { Ok(()) } else { Err(format!("it answers {status}")) }
        }
    }
}

async fn status(url: &str) -> std::result::Result<u16, String> {
    let tls = tls_config().map_err(|error| format!("{error:#}"))?;
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).build();
    let answer = client.map_err(|error| error.to_string())?.get(url).send().await;
    answer.map(|answer| answer.status().as_u16()).map_err(|error| error.without_url().to_string())
}

async fn labels(app: &App, first: &str, last: &str) -> Result<BTreeMap<String, Labels>> {
    let mut all: BTreeMap<String, Labels> = BTreeMap::new();
    for (machine, key, value) in app.store.labels(first, last).await? {
        all.entry(machine).or_default().insert(key, value);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_outside_answers_or_says_why_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(answers(&Check::Tcp("127.0.0.1".into(), port)).await, Ok(()));
        drop(listener);
        let refused = answers(&Check::Tcp("127.0.0.1".into(), port)).await.unwrap_err();
        assert!(refused.contains("refused"), "{refused}");
        let url = format!("http://127.0.0.1:{port}/healthz");
        assert!(answers(&Check::Http(url)).await.is_err());
        assert_eq!(host(&Check::Http("https://nfs.example.org:8443/x".into())), "nfs.example.org:8443");
    }
}
