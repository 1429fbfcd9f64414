//! The server's machine is lost in the middle of an install: killed a hundred times, and its power cut with all that was
//! not flushed. Minutes of one machine each, so they belong to `make test-long`.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use api::machine::HistoryEntry;
use api::state::State;
use lab::{Hardware, Rack};
use tests::hall::Hall;
use tests::power_cut::{Ground, marks, marks_are_told_apart};
use tests::server::evidence;

const NAME: &str = "node01";
const KILLS: usize = 100;

#[test]
#[ignore = "one install at a crawl: make test-long runs it"]
fn a_hundred_kills_in_one_install_and_it_arrives() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "kills")?;
    let mut hall = Hall::up("kills", &folder)?;
    hall.import(&[(NAME, 1)])?;
    let seed = seed()?;
    hall.says(&format!("METAL_SEED={seed} does it again"));
    let mut chance = Chance(seed);
    hall.rack.add(Hardware::bios(NAME, 1))?.on()?;
    let mut hit = BTreeMap::new();
    for _ in 0..KILLS {
        std::thread::sleep(Duration::from_millis(chance.below(2500)));
        *hit.entry(hall.server.machine(NAME)?.state).or_insert(0) += 1;
        hall.server.kill_and_restart(&hall.rack)?;
    }
    hall.says(&format!("killed {KILLS} times, in these states: {hit:?}"));
    let under_way: i32 =
        hit.iter().filter(|(state, _)| **state != State::Active).map(|(_, times)| times).sum();
    ensure!(under_way >= 50, "most kills came when all was over: {hit:?}");
    hall.reaches(NAME, "active", |machine| machine.state == State::Active)?;
    is_one_install(&hall.detail(NAME)?.history)
}

/// Without a server: that the cut of the test below is one.
#[test]
#[ignore = "takes loop devices, which not every host has: make test-long runs it"]
fn a_cut_loses_what_was_not_flushed_and_nothing_else() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "ground")?;
    let point = folder.join("state");
    let mut ground = Ground::under(&point, &folder)?;
    for _ in 0..2 {
        marks(&point)?;
        ground.cut()?;
        ensure!(std::fs::write(point.join("late"), "x").is_err(), "a write gets through after the cut");
        ground.comes_back()?;
        marks_are_told_apart(&point)?;
    }
    Ok(())
}

/// Cut as soon as it had answered for the first time, and again while an image is written.
#[test]
#[ignore = "an install of its own: make test-long runs it"]
fn the_servers_own_power_is_cut_and_the_install_arrives() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "power-cut")?;
    let rack = Rack::up("power-cut", &folder, "10.77.0.1/24")?;
    let mut ground = Ground::under(&rack.folder.join("state"), &rack.folder)?;
    let mut hall = Hall::around(rack, "power-cut", &folder)?;
    let ca = std::fs::read(hall.server.state().join("ca.pem"))?;
    loses_power(&mut hall, &mut ground, "as soon as it answered")?;
    ensure!(
        std::fs::read(hall.server.state().join("ca.pem"))? == ca,
        "it has the authority that it began with"
    );

    hall.import(&[(NAME, 1)])?;
    hall.rack.add(Hardware::bios(NAME, 1))?.on()?;
    hall.reaches(NAME, "is being written", |machine| {
        machine.state == State::Installing && machine.progress.as_ref().is_some_and(|p| p.progress.done > 0)
    })?;
    let told = hall.detail(NAME)?.history;
    loses_power(&mut hall, &mut ground, "in the middle of the install")?;
    let kept = hall.detail(NAME)?.history;
    let lost: Vec<_> = told.iter().filter(|entry| !kept.contains(entry)).collect();
    ensure!(lost.is_empty(), "what it had told an operator is gone: {lost:?}");
    hall.reaches(NAME, "active", |machine| machine.state == State::Active)?;
    is_one_install(&hall.detail(NAME)?.history)
}

fn loses_power(hall: &mut Hall, ground: &mut Ground, when: &str) -> Result<()> {
    let state = hall.server.state();
    marks(&state)?;
    // Memory, processor and disk end at one moment: no instruction runs between the two.
    hall.server.freeze()?;
    ground.cut()?;
    hall.server.stop()?;
    ground.comes_back()?;
    marks_are_told_apart(&state)?;
    hall.server.start_again(&hall.rack)?;
    hall.says(&format!("the server's power was cut {when}, and it is back"));
    Ok(())
}

fn is_one_install(history: &[HistoryEntry]) -> Result<()> {
    let layouts = history.iter().filter(|entry| entry.event == "layout_verified" && !entry.refused).count();
    ensure!(layouts == 1, "the table was written once, not {layouts} times");
    ensure!(history.iter().all(|entry| entry.to != State::Failed), "it never failed: {history:?}");
    Ok(())
}

fn seed() -> Result<u64> {
    match std::env::var("METAL_SEED") {
        Ok(seed) => Ok(seed.parse()?),
        Err(_) => Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()),
    }
}

/// Knuth's generator: the same seed, the same moments.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
