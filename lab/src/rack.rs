//! A rack: machines, the switch they and their BMCs are cabled to, and the place of the server, in three network
//! namespaces.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use crate::accel::Accel;
use crate::bmc::User;
use crate::bmc::port::{Bmc, INTERFACE};
use crate::forward::{self, Forward};
use crate::hardware::Hardware;
use crate::netns::Netns;
use crate::power::{Machine, Slot};
use crate::record::{self, Record, Sweeper};
use crate::standby::{self, Standby};

/// Dropping it cuts every machine and removes the namespaces with all that runs in them.
pub struct Rack {
    pub name: String,
    pub folder: PathBuf,
    pub accel: Accel,
    pub server: Netns,
    pub machines: Vec<Arc<Machine>>,
    switch: Netns,
    management: Netns,
    record: Record,
    taps: usize,
    /// Last, as fields are dropped in this order: the machines' processes are reaped before their namespaces go.
    _sweeper: Sweeper,
}

/// The server's side of its cable.
pub const SERVER_INTERFACE: &str = "srv0";

impl Rack {
    /// `name` is unique on the host while the rack is up, `folder` keeps disks, consoles and captures after it is down,
    /// and `address` is the server's, with its prefix: `10.77.0.1/24`.
    ///
    /// Namespaces of their own, because a bridge in the server's or the BMCs' would answer ARP for their addresses with
    /// its own.
    pub fn up(name: &str, folder: &Path, address: &str) -> Result<Self> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        ensure!(
            (1..=40).contains(&name.len()) && name.chars().all(plain),
            "rack name {name:?}: use a-z, 0-9 and -"
        );
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        let folder = folder.canonicalize().with_context(|| format!("find {}", folder.display()))?;
        let (record, sweeper) = record::claim(name)?;
        let accel = Accel::of_this_host(Path::new(record::RUN))?;
        let switch = Netns::create(&format!("{name}-sw"))?;
        let server = Netns::create(&format!("{name}-srv"))?;
        let management = Netns::create(&format!("{name}-bmc"))?;
        switch.disable_ipv6()?;
        management.disable_ipv6()?;
        management.keep_addresses()?;
        switch.ip_batch(&format!(
            "link set lo up\n\
             link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n\
             link set br0 up\n\
             link add uplink type veth peer name {SERVER_INTERFACE} netns {name}-srv\n\
             link set uplink master br0 up\n\
             link add management type veth peer name {INTERFACE} netns {name}-bmc\n\
             link set management master br0 up\n"
        ))?;
        management.ip_batch(&format!("link set lo up\nlink set {INTERFACE} up\n"))?;
        server.ip_batch(&format!(
            "link set lo up\naddress add {address} dev {SERVER_INTERFACE}\nlink set {SERVER_INTERFACE} up\n"
        ))?;
        let name = name.to_owned();
        Ok(Self {
            name,
            folder,
            accel,
            server,
            machines: vec![],
            switch,
            management,
            record,
            taps: 0,
            _sweeper: sweeper,
        })
    }

    /// Puts a machine into the rack, with new disks and its cables plugged in, and off.
    pub fn add(&mut self, hardware: Hardware) -> Result<Arc<Machine>> {
        let (name, serials) = (&hardware.name, hardware.disks.iter().map(|disk| &disk.serial));
        ensure!(self.machine(name).is_err(), "the rack {} has a machine {name} already", self.name);
        for serial in serials {
            let taken = self.machines.iter().find(|m| m.hardware().disks.iter().any(|d| d.serial == *serial));
            ensure!(taken.is_none(), "the disk {serial} of {name} is in another machine of the rack already");
        }
        let taps: Vec<String> = (0..hardware.nics.len()).map(|n| format!("tap{}", self.taps + n)).collect();
        self.taps += taps.len();
        let plug = |tap: &String| format!("tuntap add {tap} mode tap\nlink set {tap} master br0 up\n");
        self.switch.ip_batch(&taps.iter().map(plug).collect::<String>())?;
        let slot = Slot {
            folder: self.folder.join(name),
            disks: self.folder.join("disks"),
            accel: self.accel,
            switch: self.switch.clone(),
            taps,
            record: self.record.clone(),
        };
        let machine = Machine::rack(hardware, slot)?;
        self.machines.push(machine.clone());
        Ok(machine)
    }

    /// Gives a machine a BMC, at an address with its prefix, that the server reaches: `10.77.0.201/24`.
    pub fn manage(&self, machine: &Arc<Machine>, address: &str, user: User) -> Result<Bmc> {
        Bmc::mount(machine, &self.management, address, user)
    }

    /// The cards of all machines that are in the rack by now listen for magic packets, off and on.
    pub fn standby(&self) -> Result<Standby> {
        let (inside, any) = (self.management.clone(), SocketAddr::from(([0, 0, 0, 0], standby::PORT)));
        let bound = thread::spawn(move || {
            inside.enter()?;
            UdpSocket::bind(any)
        });
        let bound =
            bound.join().map_err(|_| anyhow!("the thread inside {} ended early", self.management.name))?;
        Standby::listen(bound.context("listen for magic packets")?, self.machines.clone())
    }

    pub fn machine(&self, name: &str) -> Result<&Arc<Machine>> {
        let found = self.machines.iter().find(|machine| machine.name == name);
        found.with_context(|| format!("the rack {} has no machine {name}", self.name))
    }

    /// The command will run where the server does. Whoever starts it also ends it, at the latest the rack.
    pub fn in_server(&self, command: Command) -> Command {
        self.server.inside(command)
    }

    /// Starts a process where the server runs, which ends with the lab even if the lab is killed.
    pub fn spawn(&self, command: Command) -> Result<Child> {
        let program = command.get_program().to_owned();
        self.record.spawn(self.in_server(command)).with_context(|| format!("start {}", program.display()))
    }

    /// A port of the host that leads to an address seen from the server's place; port 0 takes a free one.
    pub fn forward(&self, listen: SocketAddr, to: SocketAddr) -> Result<Forward> {
        forward::start(listen, self.server.clone(), to)
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        for machine in &self.machines {
            let _ = machine.cut();
        }
    }
}
