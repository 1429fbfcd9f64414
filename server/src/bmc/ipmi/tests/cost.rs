//! What a minute of a thousand BMCs costs: each is read once, in a session of its own, as the poll does.

use std::sync::mpsc;
use std::time::Duration;

use api::bmc::Power;
use rustix::time::{ClockId, clock_gettime};

use super::driver::{Bench, driver};
use crate::bmc::Driver;

const BMCS: u32 = 1000;
/// Sessions that are open at the same time: each is kept for a moment, and the poll takes a minute for all.
const KEPT: usize = 50;

/// In a thread of its own, whose time is not ours.
fn bmc() -> u16 {
    let (told, port) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::equipped().await;
            told.send(bench.address.port()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    port.recv().unwrap()
}

/// What this thread has spent; all of the client runs in it.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// Resident, in kB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim_end_matches("kB").trim().parse().unwrap()
}

#[tokio::test]
async fn a_thousand_bmcs_are_read_for_little() {
    let port = bmc();
    let (before, held) = (cpu(), memory());
    let mut kept = std::collections::VecDeque::new();
    for _ in 0..BMCS {
        let driver = driver(port, "a-password");
        assert_eq!(driver.power().await, Ok(Power::Off));
        kept.push_back(driver);
        if kept.len() > KEPT
            && let Some(oldest) = kept.pop_front()
        {
            oldest.close().await.unwrap();
        }
    }
    let (spent, held) = (cpu() - before, memory().saturating_sub(held));
    println!("{BMCS} readings over IPMI: {spent:?} of CPU, {held} kB with {KEPT} open sessions");
    assert!(spent < Duration::from_secs(20), "{spent:?} of CPU a minute");
    assert!(held < 100_000, "{held} kB");
}
