//! What of a rack lives outside its process: a folder under /run that says which namespaces and processes are its own,
//! a lock on its name, and a sweeper that removes it all when the lab ends, in whatever way it ends.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process, setsid};

use crate::{child, netns};

pub const RUN: &str = "/run/metal-lab";

/// Long enough for the sweeper of a rack that has just ended.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Waits for the end of its input, which comes when the lab ends: by returning, by a signal, or by SIGKILL.
const SWEEP: &str = r#"
trap '' HUP INT TERM
read -r line
for namespace in "$2-sw" "$2-srv" "$2-bmc"; do
    for pid in $(ip netns pids "$namespace" 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
    ip netns delete "$namespace" 2>/dev/null
done
rm -rf "$1/$2"
"#;

#[derive(Clone)]
pub(crate) struct Record {
    pub folder: PathBuf,
}

/// Removes the rack's namespaces, and with them its processes and interfaces, when dropped.
pub(crate) struct Sweeper {
    process: Child,
    input: Option<ChildStdin>,
}

/// Takes the rack's name, cleans what an earlier rack of that name has left, and sets the sweeper to wait.
pub(crate) fn claim(name: &str) -> Result<(Record, Sweeper)> {
    fs::create_dir_all(RUN).with_context(|| format!("create {RUN}"))?;
    let lock = lock(name)?;
    let record = Record { folder: Path::new(RUN).join(name) };
    record.sweep_leftovers(name)?;
    fs::create_dir_all(&record.folder).with_context(|| format!("create {}", record.folder.display()))?;
    // The lock is the sweeper's standard output: the name is free when the sweeper is done.
    let mut command = Command::new("sh");
    command.args(["-c", SWEEP, "sweep", RUN, name]);
    command.stdin(Stdio::piped()).stdout(lock).stderr(Stdio::null());
    // SAFETY: one system call. In a session of its own, Ctrl-C on a terminal does not reach it.
    unsafe { command.pre_exec(|| Ok(setsid().map(drop)?)) };
    let mut process = command.spawn().context("start the sweeper")?;
    let input = process.stdin.take();
    Ok((record, Sweeper { process, input }))
}

impl Record {
    /// Starts a process that ends with the lab, and remembers it.
    pub fn spawn(&self, command: Command) -> io::Result<Child> {
        let process = child::spawn(command)?;
        let line = fs::read(format!("/proc/{}/cmdline", process.id()))?;
        fs::write(self.folder.join(format!("{}.pid", process.id())), line)?;
        Ok(process)
    }

    fn sweep_leftovers(&self, name: &str) -> Result<()> {
        let namespaces = ["sw", "srv", "bmc"].map(|end| format!("{name}-{end}"));
        if !self.folder.exists() {
            let foreign = namespaces.iter().find(|name| netns::exists(name));
            ensure!(
                foreign.is_none(),
                "the namespace {foreign:?} exists and is not the lab's: name the rack otherwise"
            );
            return Ok(());
        }
        for entry in fs::read_dir(&self.folder).with_context(|| format!("read {}", self.folder.display()))? {
            end_if_ours(&entry.context("read the record of the old rack")?.path());
        }
        for namespace in namespaces.iter().filter(|name| netns::exists(name)) {
            netns::delete(namespace)?;
        }
        fs::remove_dir_all(&self.folder).with_context(|| format!("remove {}", self.folder.display()))
    }
}

/// A number may have been given to another process since: only the same command line is the same process.
fn end_if_ours(record: &Path) {
    let pid = record.file_name().and_then(|name| name.to_str()?.strip_suffix(".pid")?.parse::<i32>().ok());
    let Some(pid) = pid else { return };
    let (written, running) = (fs::read(record), fs::read(format!("/proc/{pid}/cmdline")));
    if let (Ok(written), Ok(running), Some(process)) = (written, running, Pid::from_raw(pid))
        && !written.is_empty()
        && written == running
    {
        let _ = kill_process(process, Signal::KILL);
    }
}

fn lock(name: &str) -> Result<File> {
    let path = Path::new(RUN).join(format!("{name}.lock"));
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    let end = Instant::now() + LOCK_PATIENCE;
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() > end {
            bail!("a rack named {name} is up already: end it, or name this one otherwise");
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(file)
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}
