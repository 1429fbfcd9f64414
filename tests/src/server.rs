//! A real `metald` in a virtual rack, and the operator's tools pointed at it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use api::client::Client;
use api::machine::{Machine, MachineDetail};
use lab::{Forward, Rack};
use rustix::process::{Pid, Signal, kill_process};

/// A program of the workspace, built beside the test that runs it.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(Path::parent).context("the test's own folder")?;
    let path = folder.join(name);
    ensure!(path.exists(), "{} is not built: run `cargo build --workspace`", path.display());
    Ok(path)
}

/// The folder in which `images/build` leaves its images.
pub fn images() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    Ok(cache.or(home).context("neither XDG_CACHE_HOME nor HOME is set")?.join("metal/images"))
}

/// A fresh folder for a rack. Consoles, captures and the server's log stay behind, so that a failure can be read.
pub fn evidence(temporary: &str, name: &str) -> Result<PathBuf> {
    let folder = Path::new(temporary).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A server that runs, with its state folder; it can be killed and started again.
pub struct Server {
    child: Child,
    config: PathBuf,
    folder: PathBuf,
    forward: Forward,
    runtime: tokio::runtime::Runtime,
    starts: u32,
    /// From the start of the process to its first answer over HTTPS.
    pub first_answer: Duration,
}

impl Server {
    /// `site` is the whole site file but what its `[server]` table holds.
    pub fn start(rack: &Rack, site: &str, images: &Path) -> Result<Server> {
        let folder = rack.folder.clone();
        let config = folder.join("site.toml");
        write_site(&config, site, &folder, images)?;
        let forward = rack.forward("127.0.0.1:0".parse()?, "10.77.0.1:8443".parse()?)?;
        let runtime = tokio::runtime::Runtime::new()?;
        let began = Instant::now();
        let child = spawn(rack, &config, &folder, 1)?;
        let mut server =
            Server { child, config, folder, forward, runtime, starts: 1, first_answer: Duration::ZERO };
        server.wait_until_it_answers()?;
        server.first_answer = began.elapsed();
        Ok(server)
    }

    /// Another site file, which takes effect with a new start.
    pub fn restart_with(&mut self, rack: &Rack, site: &str, images: &Path) -> Result<()> {
        write_site(&self.config, site, &self.folder, images)?;
        self.kill_and_restart(rack)
    }

    /// `kill -9`, then a new one on the same state.
    pub fn kill_and_restart(&mut self, rack: &Rack) -> Result<()> {
        self.stop()?;
        self.start_again(rack)
    }

    /// It executes no further instruction, and what it has open stays open.
    pub fn freeze(&self) -> Result<()> {
        let pid = Pid::from_raw(self.child.id().cast_signed()).context("a process has an id")?;
        Ok(kill_process(pid, Signal::STOP)?)
    }

    /// `kill -9`; whoever changes its state does so then.
    pub fn stop(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub fn start_again(&mut self, rack: &Rack) -> Result<()> {
        self.starts += 1;
        self.child = spawn(rack, &self.config, &self.folder, self.starts)?;
        self.wait_until_it_answers()
    }

    /// `metald` with this server's site file, as root would call it beside it.
    pub fn metald(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program("metald")?);
        command.args(arguments).arg("--config").arg(&self.config).stdin(Stdio::null());
        Ok(command)
    }

    /// What it holds in memory (VmRSS).
    pub fn memory_kb(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    pub fn address(&self) -> SocketAddr {
        self.forward.address
    }

    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    pub fn client(&self) -> Result<Client> {
        let ca = fs::read_to_string(self.state().join("ca.pem"))?;
        let token = fs::read_to_string(self.state().join("operator.token"))?;
        Ok(Client::new(&format!("https://{}", self.address()), &ca, None)?.with_token(&token))
    }

    /// Runs one call of the client to its end.
    pub fn ask<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(call)
    }

    pub fn machine(&self, name: &str) -> Result<Machine> {
        Ok(self.ask(self.client()?.machine(name))?.machine)
    }

    /// `metalctl` as an operator would call it.
    pub fn metalctl(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program("metalctl")?);
        command.arg("--server").arg(format!("https://{}", self.address()));
        command.arg("--ca").arg(self.state().join("ca.pem"));
        command.arg("--token-file").arg(self.state().join("operator.token"));
        command.args(arguments).stdin(Stdio::null());
        Ok(command)
    }

    /// Looks again until `reached` says so. A machine that fails ends the wait with its reason.
    pub fn wait(
        &self,
        name: &str,
        what: &str,
        patience: Duration,
        reached: impl Fn(&Machine) -> bool,
    ) -> Result<Machine> {
        let end = Instant::now() + patience;
        loop {
            let machine = self.machine(name);
            if let Ok(machine) = &machine {
                if reached(machine) {
                    return Ok(machine.clone());
                }
                if let Some(reason) =
                    machine.reason.as_ref().filter(|_| machine.state == api::state::State::Failed)
                {
                    bail!("{name} failed on its way to `{what}`: {reason}");
                }
            }
            ensure!(Instant::now() < end, "{name} did not reach `{what}` in {patience:?}; it is {machine:?}");
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    fn wait_until_it_answers(&self) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = self.client().map(|client| self.ask(async move { client.machines().await }));
            match answer {
                Ok(Ok(_)) => return Ok(()),
                late if Instant::now() > end => {
                    bail!("metald does not answer: {late:?}; see {}", self.folder.display())
                }
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; the rack ends what is left in its namespaces.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_site(config: &Path, site: &str, folder: &Path, images: &Path) -> Result<()> {
    let state = folder.join("state");
    let server = format!(
        "[server]\nstate = \"{}\"\nimages = \"{}\"\nheartbeat = \"10s\"\n\n",
        state.display(),
        images.display()
    );
    Ok(fs::write(config, site.replacen("[server]\n", &server, 1))?)
}

fn spawn(rack: &Rack, config: &Path, folder: &Path, start: u32) -> Result<Child> {
    let log = fs::File::create(folder.join(format!("metald-{start}.log")))?;
    let mut command = Command::new(program("metald")?);
    command.arg("run").arg("--config").arg(config).stdin(Stdio::null());
    command.stdout(log.try_clone()?).stderr(log);
    rack.spawn(command)
}

/// The text of a command that must succeed.
pub fn text(mut command: Command) -> Result<String> {
    let Output { status, stdout, stderr } = command.output().with_context(|| format!("run {command:?}"))?;
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    ensure!(status.success(), "{command:?} ended with {status}\n{stdout}\n{stderr}");
    Ok(stdout.into_owned())
}

/// Seconds in each state, for the person who reads a test's output.
pub fn phases(detail: &MachineDetail) -> String {
    let moves: Vec<_> = detail.history.iter().rev().filter(|entry| entry.from != entry.to).collect();
    let lines = moves.windows(2).map(|pair| {
        let seconds = (pair[1].at - pair[0].at) as f64 / 1e6;
        format!("  {:13} {seconds:6.1} s", pair[0].to.as_str())
    });
    lines.collect::<Vec<_>>().join("\n")
}
