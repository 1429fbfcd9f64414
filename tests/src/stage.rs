//! A rack with a server in which machines become nodes of one cluster, and a clock that says what happened when.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use api::machine::{Machine, MachineDetail};
use api::state::State;
use lab::{Hardware, Rack, cluster};

use crate::server::{Server, images, phases, text};
use crate::ssh::{copy, new_key, ssh};

/// An install beside another machine's `kubeadm init`, under emulation.
pub const LINE: Duration = Duration::from_secs(900);
/// What Kubernetes does in seconds elsewhere.
pub const SOON: Duration = Duration::from_secs(180);

const SITE: &str = r#"name = "NAME"

[server]

[[network]]
name = "rack"
interface = "srv0"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.199"]
# Nobody answers there for the world outside. But what is for a service leaves a node by its default route before
# kube-proxy sees it, and CoreDNS does not start without somebody to ask.
router = "10.77.0.1"
dns = ["10.77.0.1"]
router_advertisements = true

[layout.plain]
root = { size = "4G", grow = true }

[profile.node]
image = "IMAGE"
layout = "plain"
hostname = "node{:02}"
consoles = ["tty0", "ttyS0,115200n8"]
kernel_arguments = KERNEL
authorized_keys = ["KEY"]
cluster = "lab"
labels = { "example.org/rack" = "NAME" }
"#;

pub struct Stage {
    pub server: Server,
    pub rack: Rack,
    key: PathBuf,
    began: Instant,
}

impl Stage {
    /// A cluster of this minor release of Kubernetes. `machines` are the tables of the site file that say who is what.
    pub fn up(name: &str, folder: &Path, release: &str, machines: &str, cluster: &str) -> Result<Stage> {
        let key = new_key(folder)?;
        let rack = Rack::up(name, folder, "10.77.0.1/24")?;
        let public = std::fs::read_to_string(key.with_extension("pub"))?;
        let site = SITE
            .replace("NAME", name)
            .replace("IMAGE", cluster::IMAGE)
            .replace("KERNEL", cluster::KERNEL_ARGUMENTS);
        let site = [&site, machines, cluster].concat().replace(cluster::RELEASE, release);
        let server = Server::start(&rack, &site.replace("KEY", public.trim()), &images()?)?;
        Ok(Stage { server, rack, key, began: Instant::now() })
    }

    pub fn control_plane(&mut self, number: u8) -> Result<Arc<lab::Machine>> {
        self.rack.add(cluster::control_plane(Hardware::bios(&format!("node{number:02}"), number)))
    }

    /// A person's yes to a control plane, which no rule says.
    pub fn approve(&self, name: &str) -> Result<()> {
        self.reaches(name, "available", |machine| machine.state == State::Available)?;
        text(self.server.metalctl(&["machine", "approve", name, "--yes"])?)?;
        self.says(&format!("{name} is approved"));
        Ok(())
    }

    pub fn worker(&mut self, number: u8) -> Result<Arc<lab::Machine>> {
        self.rack.add(cluster::worker(Hardware::uefi(&format!("node{number:02}"), number)))
    }

    pub fn says(&self, what: &str) {
        println!("{:4} s  {what}", self.began.elapsed().as_secs());
    }

    pub fn reaches(&self, name: &str, what: &str, reached: impl Fn(&Machine) -> bool) -> Result<Machine> {
        let machine = self.server.wait(name, what, LINE, reached)?;
        self.says(&format!("{name} {what}"));
        Ok(machine)
    }

    pub fn kill_the_server(&mut self, when: &str) -> Result<()> {
        self.server.kill_and_restart(&self.rack)?;
        self.says(&format!("metald was killed {when}, and is back"));
        Ok(())
    }

    pub fn detail(&self, name: &str) -> Result<MachineDetail> {
        Ok(self.server.ask(self.server.client()?.machine(name))?)
    }

    /// What root's shell on the machine says to the script.
    pub fn shell(&self, name: &str, script: &str) -> Result<String> {
        ssh(&self.rack, &self.key, self.address(name)?, script)
    }

    pub fn copy(&self, name: &str, file: &Path, to: &Path) -> Result<()> {
        copy(&self.rack, &self.key, file, self.address(name)?, to)
    }

    /// For the person who reads the test's output: memory, disk, and seconds in each state.
    pub fn figures(&self, names: &[&str]) -> Result<()> {
        for name in names {
            let used = self.shell(name, "free -m | grep Mem; df -m / | tail -n 1")?;
            println!("{name}: {}\n{}", used.trim().replace('\n', "; "), phases(&self.detail(name)?));
        }
        println!("metald: {} kB", self.server.memory_kb()?);
        Ok(())
    }

    fn address(&self, name: &str) -> Result<Ipv4Addr> {
        self.server.machine(name)?.address.with_context(|| format!("{name} has an address"))
    }
}
