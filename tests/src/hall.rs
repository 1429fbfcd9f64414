//! A rack with a server and machines that join no cluster, and a clock that says what happened when. What the operator
//! does goes through `metalctl`.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use api::machine::{Machine, MachineDetail, Why};
use api::state::Home;
use api::trace::HopName;
use lab::Rack;

use crate::server::{Server, images, text};
use crate::ssh::{new_key, ssh};

/// A machine that installs while another one does, under emulation.
pub const LINE: Duration = Duration::from_secs(420);
/// A boot of the agent into RAM, or of an installed OS, beside another machine's; once in a while firmware hangs on the
/// way, and is cycled.
pub const BOOT: Duration = Duration::from_secs(420);

const SITE: &str = r#"name = "NAME"

[server]
back_to_ram = "3m"

[[network]]
name = "rack"
interface = "srv0"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.199"]
router_advertisements = true

[layout.plain]
root = { size = "3G", grow = true }

[profile.node]
image = "debian-12"
layout = "plain"
disk = { min_size = "4G" }
hostname = "node{:02}"
consoles = ["tty0", "ttyS0,115200n8"]
authorized_keys = ["KEY"]

[[rule]]
profile = "node"
"#;

pub struct Hall {
    pub server: Server,
    pub rack: Rack,
    key: PathBuf,
    began: Instant,
}

impl Hall {
    /// Nobody wrote a machine into this site's file: those that are not imported are strangers.
    pub fn up(name: &str, folder: &Path) -> Result<Hall> {
        Hall::around(Rack::up(name, folder, "10.77.0.1/24")?, name, folder)
    }

    /// In a rack that is up.
    pub fn around(rack: Rack, name: &str, folder: &Path) -> Result<Hall> {
        Hall::with(rack, name, folder, "")
    }

    /// The same, with more in the site's file.
    pub fn with(rack: Rack, name: &str, folder: &Path, more: &str) -> Result<Hall> {
        let key = new_key(folder)?;
        let public = std::fs::read_to_string(key.with_extension("pub"))?;
        let site = SITE.replace("NAME", name).replace("KEY", public.trim()) + more;
        let server = Server::start(&rack, &site, &images()?)?;
        Ok(Hall { server, rack, key, began: Instant::now() })
    }

    /// Announces machines by their hostname and the last byte of their MAC.
    pub fn import(&self, machines: &[(&str, u8)]) -> Result<()> {
        let line = |(name, last): &(&str, u8)| format!("{name},52:54:00:77:00:{last:02x},node\n");
        let list: String = machines.iter().map(line).collect();
        let file = self.rack.folder.join("machines.csv");
        std::fs::write(&file, format!("hostname,mac,profile\n{list}"))?;
        self.metalctl(&["machine", "import", &file.display().to_string()]).map(drop)
    }

    pub fn says(&self, what: &str) {
        println!("{:4} s  {what}", self.began.elapsed().as_secs());
    }

    /// What `metalctl` prints when it ends well.
    pub fn metalctl(&self, words: &[&str]) -> Result<String> {
        text(self.server.metalctl(words)?)
    }

    /// What it says when it does not.
    pub fn refused(&self, words: &[&str]) -> Result<String> {
        let Output { status, stdout, stderr } = self.server.metalctl(words)?.output()?;
        ensure!(!status.success(), "{words:?} was let through: {}", String::from_utf8_lossy(&stdout));
        Ok(String::from_utf8_lossy(&stderr).into_owned())
    }

    pub fn reaches(&self, name: &str, what: &str, reached: impl Fn(&Machine) -> bool) -> Result<Machine> {
        let machine = self.server.wait(name, what, LINE, reached)?;
        self.says(&format!("{name} {what}"));
        Ok(machine)
    }

    pub fn detail(&self, name: &str) -> Result<MachineDetail> {
        Ok(self.server.ask(self.server.client()?.machine(name))?)
    }

    pub fn why(&self, name: &str) -> Result<Why> {
        Ok(self.server.ask(self.server.client()?.why(name))?)
    }

    /// The newest boot that was heard of, to be given to `boots`.
    pub fn boot(&self, name: &str) -> Result<i64> {
        Ok(self.detail(name)?.attempts.first().map_or(0, |attempt| attempt.number))
    }

    /// Waits for an agent in this home to say hello in a boot after that one.
    pub fn boots(&self, name: &str, home: Home, after: i64) -> Result<()> {
        let end = Instant::now() + BOOT;
        let from = format!("the agent from {home},");
        loop {
            let attempts = self.detail(name)?.attempts;
            let hops =
                attempts.iter().filter(|attempt| attempt.number > after).flat_map(|attempt| &attempt.hops);
            if hops.into_iter().any(|hop| hop.name == HopName::Hello && hop.detail.starts_with(&from)) {
                self.says(&format!("{name} says hello from {home}"));
                return Ok(());
            }
            ensure!(Instant::now() < end, "{name} said no hello from {home} in {BOOT:?}: {attempts:?}");
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// What root's shell on the machine says to the script.
    pub fn shell(&self, name: &str, script: &str) -> Result<String> {
        ssh(&self.rack, &self.key, self.address(name)?, script)
    }

    /// The same on a machine that is still on its way up, which only a shell can tell of one that is nobody's.
    pub fn shell_once_up(&self, name: &str, script: &str) -> Result<String> {
        let end = Instant::now() + BOOT;
        loop {
            match self.shell(name, script) {
                Ok(said) => {
                    self.says(&format!("{name} has a shell"));
                    return Ok(said);
                }
                Err(error) if Instant::now() > end => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_secs(1)),
            }
        }
    }

    pub fn kill_the_server(&mut self, when: &str) -> Result<()> {
        self.server.kill_and_restart(&self.rack)?;
        self.says(&format!("metald was killed {when}, and is back"));
        Ok(())
    }

    /// The database as it is lost with a disk: all else of the state is there.
    pub fn lose_the_database(&mut self) -> Result<()> {
        self.server.stop()?;
        self.remove_the_database()?;
        self.server.start_again(&self.rack)?;
        self.says("metald has an empty database");
        Ok(())
    }

    pub fn backup(&self, file: &Path) -> Result<()> {
        text(self.server.metald(&["backup", &file.display().to_string()])?).map(drop)
    }

    pub fn restore(&mut self, file: &Path) -> Result<()> {
        self.server.stop()?;
        self.remove_the_database()?;
        let said = text(self.server.metald(&["restore", &file.display().to_string()])?)?;
        self.server.start_again(&self.rack)?;
        self.says(said.lines().next().unwrap_or_default());
        Ok(())
    }

    fn remove_the_database(&self) -> Result<()> {
        let (mut removed, state) = (0, self.server.state());
        for entry in std::fs::read_dir(&state)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("metald.db") {
                std::fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        if removed == 0 {
            bail!("{} has no metald.db", state.display());
        }
        Ok(())
    }

    fn address(&self, name: &str) -> Result<Ipv4Addr> {
        self.server.machine(name)?.address.with_context(|| format!("{name} has an address"))
    }
}
