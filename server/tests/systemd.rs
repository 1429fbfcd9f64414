//! `metald` under a test that plays systemd: what it says to the socket of notifications (sd_notify(3)), and the key that
//! it is handed as a credential (systemd.exec(5), LoadCredential=). Needs root, as every test with a wire does.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A network of its own for each server; the shell becomes it, as systemd's child does that has its own number in
/// WATCHDOG_PID.
const START: &str = "ip link set lo up && ip link add srv0 type veth peer name cli0 && \
                     ip addr add 10.77.0.1/24 dev srv0 && ip link set srv0 up && ip link set cli0 up && \
                     export WATCHDOG_PID=$$ && exec \"$0\" run --config \"$1\"";

const SITE: &str = "name = \"lab\"\n[[network]]\nname = \"rack\"\ninterface = \"srv0\"\naddress = \"10.77.0.1/24\"\n\
                    pool = [\"10.77.0.100-10.77.0.199\"]\n[server]\n";

/// A start takes what the machine takes that tests run on.
const PATIENCE: Duration = Duration::from_secs(120);

struct Manager {
    folder: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Manager {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("credentials")).unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let state = folder.path().join("state");
        fs::write(folder.path().join("site.toml"), format!("{SITE}state = \"{}\"\n", state.display()))
            .unwrap();
        Manager { folder, socket }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What LoadCredential= puts where only the service reads.
    fn hands_over(&self, key: &str) {
        fs::write(self.path("credentials").join(server::seal::CREDENTIAL), format!("{key}\n")).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", START, env!("CARGO_BIN_EXE_metald")]).arg(self.path("site.toml"));
        command
            .env("NOTIFY_SOCKET", self.path("notify"))
            .env("CREDENTIALS_DIRECTORY", self.path("credentials"))
            .env("WATCHDOG_USEC", "180000000")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn starts(&self) -> Service {
        Service(Some(self.command().spawn().unwrap()))
    }

    /// A start that ends by itself, and what it said of why.
    fn refused(&self) -> String {
        let Output { status, stderr, .. } = self.command().output().unwrap();
        assert!(!status.success());
        String::from_utf8_lossy(&stderr).into_owned()
    }

    /// All that was said until every one of these was.
    fn hears(&self, awaited: &[&str]) -> BTreeSet<String> {
        let (begun, mut heard) = (Instant::now(), BTreeSet::new());
        let mut datagram = [0; 4096];
        while !awaited.iter().all(|word| heard.contains(*word)) {
            assert!(begun.elapsed() < PATIENCE, "only {heard:?} was said, and not all of {awaited:?}");
            let Ok(length) = self.socket.recv(&mut datagram) else { continue };
            heard.extend(String::from_utf8_lossy(&datagram[..length]).lines().map(str::to_string));
        }
        heard
    }
}

struct Service(Option<Child>);

impl Service {
    /// As `systemctl stop` does: SIGTERM, and a clean end.
    fn stops(mut self) -> String {
        let child = self.0.take().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&stderr).into_owned();
        assert!(status.success(), "{said}");
        said
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn key(byte: u8) -> String {
    hex::encode([byte; 32])
}

#[test]
fn it_says_when_it_serves_that_it_lives_and_that_it_ends() {
    let manager = Manager::new();
    let service = manager.starts();
    // The watchdog's sign is of the first pass; READY=1 is said when every port is bound.
    manager.hears(&["READY=1", "WATCHDOG=1"]);
    service.stops();
    manager.hears(&["STOPPING=1"]);
}

#[test]
fn a_credential_is_the_key_that_the_server_runs_with() {
    let manager = Manager::new();
    manager.hands_over(&key(7));
    let service = manager.starts();
    manager.hears(&["READY=1"]);
    let said = service.stops();
    assert!(!said.contains(&key(7)), "{said}");
    let state = |name: &str| manager.path("state").join(name);
    assert!(!state(server::seal::SECRET_KEY).exists(), "no second key lies beside it");
    let fingerprint = fs::read_to_string(state("secret.fingerprint")).unwrap();
    assert_eq!(fingerprint.trim(), hex::encode(Sha256::digest([7; 32])));

    manager.hands_over(&key(8));
    let why = manager.refused();
    assert!(why.contains("this is not the key that this database was written with"), "{why}");
    fs::remove_file(manager.path("credentials").join(server::seal::CREDENTIAL)).unwrap();
    let why = manager.refused();
    assert!(why.contains("systemd hands over no credential"), "{why}");
    assert!(!state(server::seal::SECRET_KEY).exists(), "no new key hides that the old one is gone");

    manager.hands_over(&key(7));
    let service = manager.starts();
    manager.hears(&["READY=1"]);
    service.stops();
}
