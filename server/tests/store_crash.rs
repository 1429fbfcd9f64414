//! What was promised survives `kill -9`: a child writes and says what was committed, is killed at any moment,
//! and everything that it said is there. (A power cut cannot be had here; the store's tests hold the pragmas
//! that stand against it.)

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use api::event::Event;
use api::id::{Mac, MachineId};
use server::store::machine::Birth;
use server::store::{Side, Store};

const DATABASE: &str = "METALD_TEST_CRASH_DATABASE";
const ROUND: &str = "METALD_TEST_CRASH_ROUND";
const MACHINES: u8 = 4;
const WRITERS: i64 = 12;

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/db", folder.path().display());
    let mut promised = HashSet::new();
    for (round, milliseconds) in [120, 35, 260, 80, 180, 55].into_iter().enumerate() {
        let before = promised.len();
        write_and_be_killed(&url, round, Duration::from_millis(milliseconds), &mut promised);
        assert!(promised.len() > before, "round {round} was killed before it promised anything");
        check(&Store::open(&url).await.unwrap(), &promised).await;
    }
}

/// Runs as the child, and only there: writes until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let (Ok(url), Ok(round)) = (std::env::var(DATABASE), std::env::var(ROUND)) else { return };
    let store = Store::open(&url).await.unwrap();
    for last in 0..MACHINES {
        let birth = Birth { macs: vec![Mac([2, 0, 0, 0, 0, last])], ..Birth::default() };
        store.machine_born(birth, MachineId(format!("m{last}")), 1).await.unwrap();
    }
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        let first = round.parse::<i64>().unwrap() * 1_000_000 + writer;
        writers.spawn(async move {
            let machine = MachineId(format!("m{}", writer % i64::from(MACHINES)));
            // The time of an event is what tells it from all others here.
            for at in (first..).step_by(usize::try_from(WRITERS).unwrap()) {
                let event = if at % 5 < 2 { Event::Hold } else { Event::Release };
                store.submit(&machine, event, "child", at).await.unwrap();
                writeln!(std::io::stdout().lock(), "\npromised {machine} {at}").unwrap();
            }
        });
    }
    while writers.join_next().await.is_some() {}
}

fn write_and_be_killed(url: &str, round: usize, after: Duration, promised: &mut HashSet<(String, i64)>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(DATABASE, url)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let promise = |line: &str| {
        let (machine, at) = line.strip_prefix("promised ")?.split_once(' ')?;
        Some((machine.to_string(), at.parse().ok()?))
    };
    // The clock runs from its first promise: how long a process takes to start says nothing.
    let first = lines.by_ref().map_while(Result::ok).find_map(|line| promise(&line));
    promised.extend(first);
    let killer = std::thread::spawn(move || {
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
    });
    // A line that the kill cut short was not said.
    let mut said: Vec<String> = lines.map_while(Result::ok).collect();
    said.pop();
    promised.extend(said.iter().filter_map(|line| promise(line)));
    killer.join().unwrap();
}

async fn check(store: &Store, promised: &HashSet<(String, i64)>) {
    let Side::Sqlite(pool) = store.read() else { panic!("this is SQLite") };
    let sql = "SELECT machine, number, at, event FROM history ORDER BY machine, number";
    let rows: Vec<(String, i64, i64, String)> = sqlx::query_as(sql).fetch_all(pool).await.unwrap();
    let kept: HashSet<(String, i64)> =
        rows.iter().map(|(machine, _, at, _)| (machine.clone(), *at)).collect();
    let lost: Vec<_> = promised.difference(&kept).collect();
    assert!(lost.is_empty(), "{} of {} promises are lost: {lost:?}", lost.len(), promised.len());
    assert_eq!(kept.len(), rows.len(), "no event is there twice");
    for last in 0..MACHINES {
        let id = format!("m{last}");
        let own: Vec<_> = rows.iter().filter(|(machine, ..)| *machine == id).collect();
        let counted = own.iter().zip(1..).all(|((_, number, ..), expected)| *number == expected);
        assert!(counted, "the history of {id} has a gap");
        let row = store.machine(&MachineId(id)).await.unwrap();
        let held = own.last().is_some_and(|(.., event)| event == "hold");
        assert_eq!(row.hold, held, "row and history are one write");
    }
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(pool).await.unwrap();
    assert_eq!(sound, "ok");
}
