//! What a thousand BMCs cost that are polled every minute: `make test-long` reads them for a minute, half of them by IPMI and
//! half by Redfish, through the server's own poll, store and drivers. The BMCs are the rack's, in a process of their own.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::bmc::{BootOnce, Fault, FirmwareMode, LogEntry, Power, PowerAction, Sensor};
use lab::bmc::User;
use lab::bmc::board::{Action, Board};
use lab::bmc::fault::Faults;
use lab::bmc::ipmi::Settings;
use lab::bmc::redfish::Vendor;
use lab::bmc::{ipmi, redfish};
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use server::app::App;
use server::bmc::Driver;
use server::bmc::access::{Access, Open};
use server::bmc::any::{AnyDriver, Drivers};
use server::bmc::bmcs::Bmcs;
use server::bmc::poll::poll;

use crate::board::Memory;
use crate::server::{At, Server};

const OF_EACH: u16 = 500;
const USER: &str = "ADMIN";
const PASSWORD: &str = "a-password";
/// After a start all are read at once, with sessions to be opened and certificates to be looked at.
const FIRST: Duration = Duration::from_secs(60);
const MINUTE: Duration = Duration::from_secs(60);
const ROLE: &str = "METAL_THOUSAND_BMCS";

/// Readings as they were: their begin, and what they took.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    out: usize,
    most: usize,
    took: Vec<Duration>,
    faults: Vec<String>,
}

/// The server's drivers, with a watch on them.
struct Watched {
    driver: AnyDriver,
    watch: Watch,
}

impl Open for Watch {
    type Driver = Watched;

    fn open(&self, app: &App, access: &Access) -> Result<Watched, Fault> {
        Ok(Watched { driver: Drivers.open(app, access)?, watch: self.clone() })
    }
}

impl Watch {
    fn look<T>(&self, at: impl FnOnce(&mut Seen) -> T) -> T {
        at(&mut self.0.lock().unwrap())
    }
}

impl Driver for Watched {
    async fn power(&self) -> Result<Power, Fault> {
        self.watch.look(|seen| {
            seen.out += 1;
            seen.most = seen.most.max(seen.out);
        });
        let start = Instant::now();
        let power = self.driver.power().await;
        self.watch.look(|seen| {
            seen.out -= 1;
            seen.took.push(start.elapsed());
            seen.faults.extend(power.as_ref().err().map(Fault::to_string));
        });
        power
    }

    async fn act(&self, action: PowerAction) -> Result<(), Fault> {
        panic!("{action} of a machine that is on, as it is to be")
    }

    async fn boot_once(&self, target: BootOnce, _: FirmwareMode) -> Result<(), Fault> {
        panic!("{target:?} of a machine that is on, as it is to be")
    }

    async fn clear_boot(&self) -> Result<(), Fault> {
        self.driver.clear_boot().await
    }

    async fn identify(&self, lit: bool) -> Result<(), Fault> {
        self.driver.identify(lit).await
    }

    async fn sensors(&self) -> Result<Vec<Sensor>, Fault> {
        self.driver.sensors().await
    }

    async fn log(&self) -> Result<Vec<LogEntry>, Fault> {
        self.driver.log().await
    }

    async fn reset_bmc(&self) -> Result<(), Fault> {
        panic!("a BMC that answers is not restarted")
    }

    fn certificate(&self) -> Option<String> {
        self.driver.certificate()
    }

    async fn close(&self) -> Result<(), Fault> {
        self.driver.close().await
    }
}

#[test]
#[ignore = "takes two minutes, and both processors"]
fn a_thousand_bmcs_are_polled_for_a_minute() {
    many_files();
    let (_bmcs, addresses) = Rack::start();
    // As metald's.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::new().await;
        for (number, (driver, address)) in (1..).zip(&addresses) {
            let at = At { driver, address: *address, user: USER, password: PASSWORD };
            server.machine(number, at).await;
        }
        let watch = Watch::default();
        let bare = memory("VmRSS:");
        let polling = tokio::spawn(poll(server.app.clone(), Bmcs::new(watch.clone())));
        let first = measured(&watch, FIRST).await;
        let next = measured(&watch, MINUTE).await;
        polling.abort();
        println!("{} BMCs, of which half are new to suites and certificates:\n{first}", addresses.len());
        println!("the minute after it:\n{next}");
        println!("memory: {bare} kB before it, {} kB now, {} kB at most", memory("VmRSS:"), memory("VmHWM:"));
        // Each once a minute, and those at the edge of it not at all or twice.
        let all = addresses.len();
        assert!((all * 98 / 100..=all * 102 / 100).contains(&next.readings), "{} readings", next.readings);
        assert_eq!((first.faults.len(), next.faults.len()), (0, 0), "{:?} {:?}", first.faults, next.faults);
        assert!(first.most <= 128, "{} at the same time", first.most);
        assert!(next.spent < Duration::from_secs(30), "{:?} of CPU in a minute", next.spent);
        assert!(memory("VmHWM:") - bare < 200_000, "{} kB more than before", memory("VmHWM:") - bare);
    });
}

struct Measured {
    readings: usize,
    faults: Vec<String>,
    most: usize,
    spent: Duration,
    /// The median, 99 of 100, and the longest.
    took: [Duration; 3],
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [median, most, longest] = self.took;
        writeln!(
            f,
            "  {} readings, {} failed, {} at the same time at most",
            self.readings,
            self.faults.len(),
            self.most
        )?;
        write!(
            f,
            "  {:?} of CPU; a reading takes {median:?}, 99 of 100 {most:?}, the longest {longest:?}",
            self.spent
        )
    }
}

async fn measured(watch: &Watch, during: Duration) -> Measured {
    let before = spent();
    watch.look(|seen| *seen = Seen { out: seen.out, ..Seen::default() });
    tokio::time::sleep(during).await;
    let spent = spent() - before;
    watch.look(|seen| {
        seen.took.sort();
        let at = |hundredths: usize| {
            let last = seen.took.len().saturating_sub(1);
            seen.took.get(last * hundredths / 100).copied().unwrap_or_default()
        };
        let took = [at(50), at(99), at(100)];
        Measured {
            readings: seen.took.len(),
            faults: std::mem::take(&mut seen.faults),
            most: seen.most,
            spent,
            took,
        }
    })
}

/// As many sockets as the kernel lets it have.
fn many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// By this process, whose BMCs are another.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// In kB.
fn memory(of: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(of)).unwrap();
    line.trim_end_matches("kB").trim().parse().unwrap()
}

/// The process of the BMCs, which ends with its stdin.
struct Rack {
    process: Child,
    /// Held open: the test harness says that it takes long, and dies where nobody can hear that.
    _said: BufReader<ChildStdout>,
}

impl Rack {
    fn start() -> (Rack, Vec<(String, SocketAddr)>) {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program)
            .args(["--ignored", "--exact", "--nocapture", "thousand::the_bmcs_of_a_thousand"])
            .env(ROLE, "bmcs")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let lines = said.by_ref().lines().map_while(Result::ok);
        let bmc = |line: String| {
            let (driver, address) = line.strip_prefix("bmc ")?.split_once(' ')?;
            Some((driver.to_string(), address.parse().ok()?))
        };
        let bmcs: Vec<_> = lines.filter_map(bmc).take(usize::from(OF_EACH) * 2).collect();
        assert_eq!(bmcs.len(), usize::from(OF_EACH) * 2);
        (Rack { process: child, _said: said }, bmcs)
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "what another test starts in a process of its own"]
fn the_bmcs_of_a_thousand() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    many_files();
    let users = || vec![User { name: USER.into(), password: PASSWORD.into() }];
    let board = || {
        let (board, _) = Memory::new();
        board.act(Action::On).unwrap();
        board
    };
    let (mut by_ipmi, mut by_redfish) = (Vec::new(), Vec::new());
    println!();
    for _ in 0..OF_EACH {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let served = ipmi::serve(socket, board(), Faults::default(), users(), Settings::default()).unwrap();
        println!("bmc ipmi {}", served.address);
        by_ipmi.push(served);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let served = redfish::serve(listener, board(), Faults::default(), users(), Vendor::Plain).unwrap();
        println!("bmc redfish {}", served.address());
        by_redfish.push(served);
    }
    // As long as the other process wants them.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    // A thousand threads need not be waited for one after the other.
    std::process::exit(0);
}
