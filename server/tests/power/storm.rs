//! Many machines at once: the end of an outage, and a thousand BMCs of which some hang.

use std::time::Duration;

use api::bmc::{Fault, Power, PowerAction};
use api::event::Event;
use api::id::MachineId;
use api::power::Health;
use server::bmc::gap::Doing;
use server::bmc::lane::Asker;
use server::bmc::poll::poll;
use server::bmc::switch::restart;
use server::bmc::turn::take_waiting;

use crate::rack::{Rack, Way, address};

#[tokio::test]
async fn after_an_outage_groups_come_one_after_the_other() {
    let site = "[power]\nat_once = 100\n[[power.group]]\nname = \"infra\"\nmachines = [\"node0001\"]\n\
                [[power.group]]\nname = \"rest\"\nmachines = [\"node0002\"]\n";
    let rack = Rack::new(site).await;
    let (first, second) =
        (rack.machine(1, Power::Off, Way::Obeys).await, rack.machine(2, Power::Off, Way::Obeys).await);
    rack.poll(&second).await;
    assert_eq!(rack.fakes.moves("bmc-2"), Vec::<String>::new());
    let evidence = rack.view(&second).await.wait.unwrap().evidence;
    assert!(evidence.contains("the group `infra`"), "{evidence}");
    rack.poll(&first).await;
    assert_eq!(rack.fakes.moves("bmc-1").last().unwrap(), "on");
    rack.poll(&first).await;
    let second_turn = async || {
        // What was seen of the groups a moment ago is forgotten.
        rack.bmcs.mains().groups = None;
        let waiting = take_waiting(&rack.bmcs, 10);
        assert_eq!(waiting, std::slice::from_ref(&second));
        rack.pass(&second).await;
    };
    rack.app.store.machine_seen(&first, "discover".into(), server::clock::now()).await.unwrap();
    second_turn().await;
    assert_eq!(rack.fakes.moves("bmc-2"), Vec::<String>::new(), "its firmware runs, and nothing serves yet");
    rack.app.store.agent_seen(&first, server::clock::now()).await.unwrap();
    second_turn().await;
    assert_eq!(rack.fakes.moves("bmc-2").last().unwrap(), "on");
}

/// `metalctl power on --all` a moment after the server has started, or after BMCs were declared.
#[tokio::test]
async fn in_order_a_bmc_that_was_never_read_is_read_at_once() {
    let rack = Rack::new("[power]\nat_once = 1\ninrush = \"1h\"\n").await;
    let (first, second) =
        (rack.machine(1, Power::Off, Way::Obeys).await, rack.machine(2, Power::Off, Way::Obeys).await);
    rack.pass(&first).await;
    assert_eq!(rack.fakes.get("bmc-1").asked, ["power", "boot network uefi", "on"]);
    rack.pass(&second).await;
    assert_eq!(rack.fakes.get("bmc-2").asked, ["power"], "it has no place yet");
    assert_eq!(take_waiting(&rack.bmcs, 10), [second]);
    // One that does not answer is asked no more often than its patience allows.
    let hung = rack.machine(3, Power::Off, Way::Fails(Fault::Busy("503".into()))).await;
    rack.submit(&hung, Event::PowerOff).await;
    rack.pass(&hung).await;
    assert_eq!(rack.view(&hung).await.power.unwrap().health, Health::Faulty);
}

#[tokio::test]
async fn the_mains_are_not_asked_for_more_than_they_bear() {
    let rack = Rack::new("[power]\nat_once = 3\ninrush = \"1h\"\n").await;
    for number in 1..=10 {
        let id = rack.machine(number, Power::Off, Way::Obeys).await;
        rack.poll(&id).await;
    }
    let on = (1..=10).filter(|number| rack.fakes.get(&address(*number)).power == Power::On).count();
    assert_eq!(on, 3);
    assert_eq!(take_waiting(&rack.bmcs, 100).len(), 7);
}

#[tokio::test]
async fn nobody_waits_for_one_that_hangs_and_is_forgotten() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Hangs).await;
    let row = rack.app.store.bmc(&id).await.unwrap().unwrap();
    let (app, bmcs) = (rack.app.clone(), rack.bmcs.clone());
    let reading = tokio::spawn(async move { bmcs.read(&app, &row, Asker::Person).await });
    while rack.fakes.get("bmc-1").asked.is_empty() {
        tokio::task::yield_now().await;
    }
    rack.fakes.change("bmc-1", |fake| fake.way = Way::Obeys);
    let began = std::time::Instant::now();
    rack.bmcs.forget(&id.0);
    rack.poll(&id).await;
    assert_eq!(rack.bmcs.reading(&id).map(|(power, _)| power), Some(Power::On));
    // A request has 20 s.
    assert!(began.elapsed() < Duration::from_secs(15) && !reading.is_finished());
    reading.abort();
}

/// Each BMC has a handful of sessions, and a server is restarted again and again.
#[tokio::test]
async fn a_server_that_stops_ends_its_sessions_and_waits_for_none_that_hangs() {
    let rack = Rack::new("").await;
    for number in 1..=20 {
        let id = rack.machine(number, Power::On, Way::Obeys).await;
        rack.poll(&id).await;
    }
    rack.fakes.change("bmc-1", |fake| fake.way = Way::Hangs);
    let began = std::time::Instant::now();
    rack.bmcs.leave(Duration::from_millis(500)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let closed: Vec<usize> = (1..=20).map(|number| rack.fakes.get(&address(number)).closed).collect();
    assert_eq!((closed[0], closed[1..].iter().sum::<usize>()), (0, 19), "{closed:?}");
}

/// A pass finds a place for what is wanted on, and for nothing else.
#[tokio::test]
async fn a_person_is_told_where_nobody_will_find_a_place() {
    let rack = Rack::new("[power]\nat_once = 1\ninrush = \"1h\"\n").await;
    let first = rack.machine(1, Power::Off, Way::Obeys).await;
    rack.poll(&first).await;
    let retired = rack.machine(2, Power::Off, Way::Obeys).await;
    rack.submit(&retired, Event::Retire { wish: Default::default() }).await;
    let ours = rack.machine(3, Power::Off, Way::Obeys).await;
    let on = async |id: &MachineId| {
        restart(&rack.app, &rack.bmcs, id, (PowerAction::On, Asker::Person)).await.unwrap()
    };
    let told = on(&retired).await.unwrap_err().to_string();
    assert!(told.contains("try it again"), "{told}");
    assert_eq!(on(&ours).await, Ok(()));
    for number in [2, 3] {
        assert_eq!(rack.fakes.moves(&address(number)), Vec::<String>::new());
    }
}

/// Each of them draws on the mains as a start does.
#[tokio::test]
async fn power_cycles_of_a_selection_wait_for_each_other() {
    let rack = Rack::new("[power]\nat_once = 1\ninrush = \"1s\"\n").await;
    let first = rack.machine(1, Power::On, Way::Obeys).await;
    // Such as a PDU: it is off in between.
    let second = rack.machine(2, Power::On, Way::Plain).await;
    let began = std::time::Instant::now();
    let cycle = async |id: &MachineId| {
        restart(&rack.app, &rack.bmcs, id, (PowerAction::Cycle, Asker::Person)).await.unwrap()
    };
    assert_eq!(tokio::join!(cycle(&first), cycle(&second)), (Ok(()), Ok(())));
    assert!(began.elapsed() >= Duration::from_secs(1), "both at once");
    assert_eq!(rack.fakes.moves("bmc-1").last().unwrap(), "cycle");
    assert_eq!(rack.fakes.moves("bmc-2")[1..], ["cycle", "off", "on"]);
}

/// A PDU needs a place for its "on" alone; where there will be none soon, nothing is switched off.
#[tokio::test]
async fn what_finds_no_place_is_not_power_cycled() {
    let rack = Rack::new("[power]\nat_once = 1\ninrush = \"1h\"\n").await;
    let ids = [1, 2].map(|number| rack.machine(number, Power::On, Way::Plain));
    let ids = futures::future::join_all(ids).await;
    let cycle = async |id: &MachineId| {
        restart(&rack.app, &rack.bmcs, id, (PowerAction::Cycle, Asker::Person)).await.unwrap()
    };
    assert_eq!(cycle(&ids[0]).await, Ok(()));
    assert_eq!(rack.bmcs.mains().recent.len(), 1);
    let told = cycle(&ids[1]).await.unwrap_err().to_string();
    assert!(told.contains("try it again"), "{told}");
    assert!(!rack.fakes.moves("bmc-2").iter().any(|asked| asked == "cycle" || asked == "off"));
}

/// The one that never speaks: its turn comes.
#[tokio::test]
async fn the_servers_own_power_cycle_waits_for_its_place_and_is_not_forgotten() {
    let rack = Rack::new("[power]\nat_once = 1\ninrush = \"1h\"\n").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    rack.poll(&id).await;
    let long_ago = server::clock::now() - 3600 * 1_000_000;
    let awaited = Doing { on_at: Some(long_ago), acted_at: long_ago, ..Doing::default() };
    rack.app.store.power_doing(&id, awaited).await.unwrap();
    rack.bmcs.mains().recent.push(server::clock::now());
    rack.pass(&id).await;
    assert_eq!(rack.fakes.moves("bmc-1"), ["boot network uefi"]);
    assert_eq!(take_waiting(&rack.bmcs, 10), std::slice::from_ref(&id));
    rack.bmcs.mains().recent.clear();
    rack.pass(&id).await;
    assert_eq!(rack.fakes.moves("bmc-1"), ["boot network uefi", "cycle"]);
    assert_eq!(rack.bmcs.mains().recent.len(), 1);
}

/// Its BMC had no time to be told what to boot; before its turn it is asked again.
#[tokio::test]
async fn what_waits_for_its_place_and_was_not_told_what_to_boot_is_told_then() {
    let rack = Rack::new("[power]\nat_once = 1\ninrush = \"1h\"\n").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    rack.poll(&id).await;
    let long_ago = server::clock::now() - 3600 * 1_000_000;
    let awaited = Doing { on_at: Some(long_ago), acted_at: long_ago, ..Doing::default() };
    rack.app.store.power_doing(&id, awaited).await.unwrap();
    let busy = Some(("boot network uefi", Fault::Busy("503".into())));
    rack.fakes.change("bmc-1", |fake| fake.refuses = busy);
    rack.bmcs.mains().recent.push(server::clock::now());
    rack.pass(&id).await;
    assert_eq!(rack.fakes.moves("bmc-1"), ["boot network uefi"]);
    rack.fakes.change("bmc-1", |fake| fake.refuses = None);
    rack.bmcs.mains().recent.clear();
    rack.pass(&id).await;
    assert_eq!(rack.fakes.moves("bmc-1"), ["boot network uefi", "boot network uefi", "cycle"]);
}

/// A BMC is told first what to boot, which takes its time.
#[tokio::test]
async fn the_mains_are_counted_from_when_a_machine_is_switched_on() {
    let rack = Rack::new("[power]\nat_once = 1\ninrush = \"1h\"\n").await;
    let takes = Duration::from_millis(200);
    let mut ids = Vec::new();
    for number in 1..=2 {
        ids.push(rack.machine(number, Power::Off, Way::Obeys).await);
        rack.fakes.change(&address(number), |fake| fake.takes = takes);
    }
    let began = server::clock::now();
    tokio::join!(rack.poll(&ids[0]), rack.poll(&ids[1]));
    let is_on = |number: u16| rack.fakes.get(&address(number)).power == Power::On;
    assert_eq!([1, 2].into_iter().filter(|number| is_on(*number)).count(), 1);
    let recent = rack.bmcs.mains().recent.clone();
    let told = i64::try_from((2 * takes).as_micros()).unwrap();
    assert!(recent.len() == 1 && recent[0] >= began + told, "{recent:?} after {began}");
    // The other one was told already.
    let waiting = take_waiting(&rack.bmcs, 10);
    assert_eq!(waiting.len(), 1);
    rack.bmcs.mains().recent.clear();
    rack.poll(&waiting[0]).await;
    assert!(is_on(1) && is_on(2));
    assert_eq!(rack.fakes.moves("bmc-1"), ["boot network uefi", "on"]);
    assert_eq!(rack.fakes.moves("bmc-2"), ["boot network uefi", "on"]);
}

/// What was begun is in the store; what was read begins anew.
#[tokio::test]
async fn a_restarted_server_reads_all_again_and_switches_nothing_twice() {
    let mut rack = Rack::new("[power]\npoll = \"1s\"\n").await;
    let mut ids = Vec::new();
    for number in 1..=3 {
        let id = rack.machine(number, Power::Off, Way::Obeys).await;
        rack.poll(&id).await;
        ids.push(id);
    }
    let moves = |rack: &Rack| (1..=3).map(|number| rack.fakes.moves(&address(number))).collect::<Vec<_>>();
    let begun = moves(&rack);
    assert_eq!(begun, vec![vec!["boot network uefi".to_string(), "on".to_string()]; 3]);
    // While it is away one of them is switched off by somebody, and one is heard of.
    rack.fakes.change(&address(2), |fake| fake.power = Power::Off);
    rack.restart().await;
    assert!(ids.iter().all(|id| rack.bmcs.reading(id).is_none()), "nothing is taken for read");
    rack.app.store.machine_seen(&ids[0], "discover".into(), server::clock::now()).await.unwrap();
    let polling = tokio::spawn(poll(rack.app.clone(), rack.bmcs.clone()));
    let doing = async |id: &MachineId| rack.app.store.power(id).await.unwrap().unwrap().doing().unwrap();
    let read = || ids.iter().all(|id| rack.bmcs.reading(id).is_some());
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        // It came; and the other is on, and awaited on the wire.
        while !read() || doing(&ids[0]).await != Doing::default() || doing(&ids[2]).await.on_at.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    waited.await.expect("all are read within the first seconds");
    polling.abort();
    assert_eq!(moves(&rack), begun, "each has a minute to obey, whoever asked");
    assert_eq!(doing(&ids[1]).await.action, Some(PowerAction::On), "it reads as off, and has time left");
}

const RACK: u16 = 1000;
const HUNG: u16 = 50;
/// A twelfth of the usual one, so that the storm is twelve times as dense.
const PERIOD: Duration = Duration::from_secs(5);
const PERIODS: u32 = 6;

/// What a minute of a thousand BMCs costs is CPU and memory of this program beside a bare test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_bmcs_fifty_that_hang_make_none_late() {
    let rack = Rack::new("[power]\npoll = \"5s\"\n").await;
    for number in 0..RACK {
        let way = if number % (RACK / HUNG) == 0 { Way::Hangs } else { Way::Obeys };
        rack.machine(number, Power::On, way).await;
        rack.fakes.change(&address(number), |fake| fake.takes = Duration::from_millis(50));
    }
    let (before, memory) = (cpu(), memory());
    let polling = tokio::spawn(poll(rack.app.clone(), rack.bmcs.clone()));
    tokio::time::sleep(PERIOD * PERIODS).await;
    polling.abort();
    let (spent, held) = (cpu() - before, self::memory().saturating_sub(memory));
    let mut readings = 0;
    for number in (0..RACK).filter(|number| number % (RACK / HUNG) != 0) {
        let asked = rack.fakes.get(&address(number)).asked.len();
        // The first one is due within the first period, and each other one a period later.
        assert!(asked >= PERIODS as usize - 1, "node{number:04} was read {asked} times");
        readings += asked;
    }
    let late = Duration::from_micros(rack.bmcs.take_late());
    assert!(late < PERIOD, "a reading began {late:?} too late");
    let (healths, _) = rack.app.store.power_counts().await.unwrap();
    let counted =
        |health: Health| healths.iter().find(|(name, _)| name == health.as_str()).map(|(_, count)| *count);
    assert_eq!(counted(Health::Hung), Some(i64::from(HUNG)));
    assert_eq!(counted(Health::Healthy), Some(i64::from(RACK - HUNG)));
    let each = spent / u32::try_from(readings).unwrap();
    println!(
        "{readings} readings: {spent:?} of CPU, {each:?} each, {held} kB more memory, {late:?} late at most"
    );
    assert!(each < Duration::from_millis(10), "a reading costs {each:?} of CPU");
    assert!(held < 100_000, "{held} kB");
}

/// User and system time of this process.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// Resident, in kB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim_end_matches("kB").trim().parse().unwrap()
}
