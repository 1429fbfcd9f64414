//! A command of the site's own that switches power, such as one for a smart PDU. docs/power.md tells its contract.

mod verdict;

use std::process::Stdio;
use std::time::Duration;

use api::bmc::hardware::Hardware;
use api::bmc::{BootOnce, Fault, FirmwareMode, LogEntry, Power, PowerAction, Sensor};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command as Process};

use self::verdict::{End, done, status};
use super::Driver;

/// Of what it says, this much is kept; the rest is read and forgotten.
const SAID: u64 = 16 << 10;
const LIMIT: Duration = Duration::from_secs(60);

/// One machine's command.
#[derive(Clone, Debug)]
pub struct Command {
    /// Program and arguments, none of them secret: every user of the server's host can read them.
    pub argv: Vec<String>,
    pub machine: String,
    /// `METAL_…` variables beside the machine's name and the action, such as `METAL_ADDRESS`.
    pub environment: Vec<(&'static str, String)>,
    /// It reads this, and nothing else, from its stdin.
    pub password: Option<SecretString>,
    pub limit: Duration,
}

/// What it is asked for, as `METAL_ACTION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Status,
    Act(PowerAction),
    Boot(BootOnce, FirmwareMode),
    ClearBoot,
    Identify(bool),
    ResetBmc,
}

impl Command {
    pub fn new(machine: &str, argv: Vec<String>) -> Command {
        Command { argv, machine: machine.into(), environment: Vec::new(), password: None, limit: LIMIT }
    }

    async fn tell(&self, verb: Verb) -> Result<(), Fault> {
        done(&self.run(verb).await?)
    }

    async fn run(&self, verb: Verb) -> Result<End, Fault> {
        let mut child = self.start(verb)?;
        let group = Group::of(&child);
        let (out, err, stdin) = (child.stdout.take(), child.stderr.take(), child.stdin.take());
        let talk = async {
            let speak = async {
                if let (Some(mut stdin), Some(password)) = (stdin, &self.password) {
                    // A command that does not ask for it has closed its end.
                    let _ = stdin.write_all(password.expose_secret().as_bytes()).await;
                }
            };
            let (out, err, ()) = tokio::join!(listen(out), listen(err), speak);
            (child.wait().await, out, err)
        };
        let (ended, out, err) = tokio::time::timeout(self.limit, talk).await.map_err(|_| {
            Fault::Hung(format!("{}: it was ended after {} s", self.name(), self.limit.as_secs_f32()))
        })?;
        drop(group);
        let status = ended.map_err(|error| Fault::NotObeyed(format!("{}: {error}", self.name())))?;
        let secret = self.password.as_ref().map(ExposeSecret::expose_secret);
        Ok(End::new(self.name(), status.code(), (&out, &err), secret))
    }

    fn start(&self, verb: Verb) -> Result<Child, Fault> {
        let Some((program, arguments)) = self.argv.split_first() else {
            return Err(Fault::Unsupported("the site file names no command for it".into()));
        };
        let mut process = Process::new(program);
        process.args(arguments).env_clear().current_dir("/").process_group(0).kill_on_drop(true);
        process.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        process.envs(self.environment.iter().map(|(name, value)| (name, value)));
        process.env("METAL_MACHINE", &self.machine).env("METAL_ACTION", verb.word());
        if let Verb::Boot(_, mode) = verb {
            process.env("METAL_FIRMWARE", if mode == FirmwareMode::Uefi { "uefi" } else { "bios" });
        }
        let stdin = if self.password.is_some() { Stdio::piped() } else { Stdio::null() };
        process.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        process
            .spawn()
            .map_err(|error| Fault::Unreachable(format!("{} cannot be started: {error}", self.name())))
    }

    fn name(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }
}

impl Verb {
    fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Act(PowerAction::On) => "on",
            Self::Act(PowerAction::Off) => "off",
            Self::Act(PowerAction::Shutdown) => "shutdown",
            Self::Act(PowerAction::Cycle) => "cycle",
            Self::Boot(BootOnce::Network, _) => "boot-network",
            Self::Boot(BootOnce::Disk, _) => "boot-disk",
            Self::ClearBoot => "boot-clear",
            Self::Identify(true) => "identify-on",
            Self::Identify(false) => "identify-off",
            Self::ResetBmc => "reset-bmc",
        }
    }
}

/// All processes that a command started: they end with it, whichever way it ends.
struct Group(Option<rustix::process::Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        Group(child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // Gone already, as it should be.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

async fn listen(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut said = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = (&mut pipe).take(SAID).read_to_end(&mut said).await;
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
    said
}

impl Driver for Command {
    async fn power(&self) -> Result<Power, Fault> {
        status(&self.run(Verb::Status).await?)
    }

    async fn act(&self, action: PowerAction) -> Result<(), Fault> {
        self.tell(Verb::Act(action)).await
    }

    async fn boot_once(&self, target: BootOnce, mode: FirmwareMode) -> Result<(), Fault> {
        self.tell(Verb::Boot(target, mode)).await
    }

    async fn clear_boot(&self) -> Result<(), Fault> {
        self.tell(Verb::ClearBoot).await
    }

    async fn identify(&self, lit: bool) -> Result<(), Fault> {
        self.tell(Verb::Identify(lit)).await
    }

    async fn sensors(&self) -> Result<Vec<Sensor>, Fault> {
        Err(Fault::Unsupported("a command of the site reads no sensors".into()))
    }

    async fn hardware(&self) -> Result<Hardware, Fault> {
        Err(Fault::Unsupported(
            "a command of the site knows no parts; `metalctl machine show` has what its agent found".into(),
        ))
    }

    async fn log(&self) -> Result<Vec<LogEntry>, Fault> {
        Err(Fault::Unsupported("a command of the site keeps no log".into()))
    }

    async fn reset_bmc(&self) -> Result<(), Fault> {
        self.tell(Verb::ResetBmc).await
    }
}

#[cfg(test)]
mod tests;
