//! BMCs in memory, each with a way of its own, behind the real policy, store and reconciler.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::bmc::{BootOnce, Fault, FirmwareMode, LogEntry, Power, PowerAction, Sensor};
use api::event::Event;
use api::id::{Mac, MachineId};
use server::app::App;
use server::bmc::Driver;
use server::bmc::access::{Access, Open};
use server::bmc::bmcs::Bmcs;
use server::bmc::update::Progress;
use server::config::Site;
use server::store::bmc::BmcRow;
use server::store::machine::Birth;
use tempfile::TempDir;

use crate::metald;

/// What a BMC does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    Obeys,
    /// Takes what is asked, and does nothing.
    Lies,
    Fails(Fault),
    /// Can do no more than on and off, like a PDU.
    Plain,
    /// Never answers.
    Hangs,
}

#[derive(Clone, Debug)]
pub struct Fake {
    pub power: Power,
    pub way: Way,
    pub takes: Duration,
    pub certificate: Option<String>,
    /// Whether its firmware keeps boot overrides; None where that cannot be read.
    pub kept: Option<bool>,
    /// What its next looks at an update tell.
    pub task: VecDeque<Result<Progress, Fault>>,
    /// What alone it does not do, and what it says to that.
    pub refuses: Option<(&'static str, Fault)>,
    /// How often it was told that its session ends.
    pub closed: usize,
    /// All that was asked, in order.
    pub asked: Vec<String>,
    pub user: String,
    pub password: String,
}

/// By address.
#[derive(Clone, Default)]
pub struct Fakes(Arc<Mutex<BTreeMap<String, Fake>>>);

pub struct FakeDriver {
    fakes: Fakes,
    address: String,
}

impl Fakes {
    pub fn put(&self, address: &str, power: Power, way: Way) {
        let fake = Fake {
            power,
            way,
            takes: Duration::ZERO,
            certificate: None,
            kept: None,
            task: VecDeque::new(),
            refuses: None,
            closed: 0,
            asked: Vec::new(),
            user: String::new(),
            password: String::new(),
        };
        self.0.lock().unwrap().insert(address.into(), fake);
    }

    pub fn change(&self, address: &str, change: impl FnOnce(&mut Fake)) {
        change(self.0.lock().unwrap().get_mut(address).unwrap());
    }

    pub fn get(&self, address: &str) -> Fake {
        self.0.lock().unwrap()[address].clone()
    }

    /// What was asked but for readings.
    pub fn moves(&self, address: &str) -> Vec<String> {
        self.get(address).asked.into_iter().filter(|asked| asked != "power").collect()
    }
}

impl Open for Fakes {
    type Driver = FakeDriver;

    fn open(&self, _: &App, access: &Access) -> Result<FakeDriver, Fault> {
        self.change(&access.address, |fake| {
            fake.user = access.user.clone();
            fake.password = access.password.expose().into();
        });
        Ok(FakeDriver { fakes: self.clone(), address: access.address.clone() })
    }
}

impl FakeDriver {
    async fn asked(&self, what: String) -> Result<Fake, Fault> {
        self.fakes.change(&self.address, |fake| fake.asked.push(what.clone()));
        let fake = self.fakes.get(&self.address);
        tokio::time::sleep(fake.takes).await;
        if let Some((_, fault)) = fake.refuses.as_ref().filter(|(refused, _)| *refused == what) {
            return Err(fault.clone());
        }
        match &fake.way {
            Way::Hangs => pending().await,
            Way::Fails(fault) => Err(fault.clone()),
            Way::Obeys | Way::Lies | Way::Plain => Ok(fake),
        }
    }
}

impl Driver for FakeDriver {
    async fn close(&self) -> Result<(), Fault> {
        if self.fakes.get(&self.address).way == Way::Hangs {
            pending::<()>().await;
        }
        self.fakes.change(&self.address, |fake| fake.closed += 1);
        Ok(())
    }

    async fn power(&self) -> Result<Power, Fault> {
        Ok(self.asked("power".into()).await?.power)
    }

    async fn act(&self, action: PowerAction) -> Result<(), Fault> {
        let fake = self.asked(action.to_string()).await?;
        if fake.way == Way::Plain && !matches!(action, PowerAction::On | PowerAction::Off) {
            return Err(Fault::Unsupported(format!("a PDU cannot do {action}")));
        }
        let power = match action {
            PowerAction::On | PowerAction::Cycle => Power::On,
            PowerAction::Off | PowerAction::Shutdown => Power::Off,
        };
        if fake.way != Way::Lies {
            self.fakes.change(&self.address, |fake| fake.power = power);
        }
        Ok(())
    }

    async fn boot_once(&self, target: BootOnce, mode: FirmwareMode) -> Result<(), Fault> {
        self.asked(format!("boot {target:?} {mode:?}").to_lowercase()).await.map(drop)
    }

    async fn boot_kept(&self) -> Result<bool, Fault> {
        let fake = self.asked("kept?".into()).await?;
        fake.kept.ok_or_else(|| Fault::Unsupported("it cannot say".into()))
    }

    async fn clear_boot(&self) -> Result<(), Fault> {
        self.asked("clear".into()).await.map(drop)
    }

    async fn identify(&self, lit: bool) -> Result<(), Fault> {
        self.asked(format!("identify {lit}")).await.map(drop)
    }

    async fn sensors(&self) -> Result<Vec<Sensor>, Fault> {
        self.asked("sensors".into()).await.map(|_| Vec::new())
    }

    async fn log(&self) -> Result<Vec<LogEntry>, Fault> {
        self.asked("log".into()).await.map(|_| Vec::new())
    }

    async fn update(&self, image: &str) -> Result<Option<String>, Fault> {
        self.asked(format!("update {image}")).await.map(|_| Some("/task/1".into()))
    }

    async fn progress(&self, _task: &str) -> Result<Progress, Fault> {
        self.asked("progress".into()).await?;
        let mut told = None;
        self.fakes.change(&self.address, |fake| told = fake.task.pop_front());
        told.unwrap_or_else(|| Err(Fault::Garbled("nothing is to be told".into())))
    }

    async fn reset_bmc(&self) -> Result<(), Fault> {
        self.fakes.change(&self.address, |fake| fake.asked.push("reset".into()));
        Ok(())
    }

    fn certificate(&self) -> Option<String> {
        self.fakes.get(&self.address).certificate
    }
}

pub struct Rack {
    pub app: App,
    pub fakes: Fakes,
    pub bmcs: Bmcs<Fakes>,
    folder: TempDir,
}

impl Rack {
    pub async fn new(site: &str) -> Rack {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let text = format!("name = \"test\"\n{site}");
        let app = metald::app(&folder, Site::parse(&text).unwrap()).await;
        let fakes = Fakes::default();
        Rack { app, bmcs: Bmcs::new(fakes.clone()), fakes, folder }
    }

    /// The server is killed, and another one begins with what is in the database.
    pub async fn restart(&mut self) {
        self.app = App { store: metald::store(&self.folder).await, ..self.app.clone() };
        self.bmcs = Bmcs::new(self.fakes.clone());
    }

    /// An enrolled machine, and its BMC at `bmc-NUMBER`.
    pub async fn machine(&self, number: u16, power: Power, way: Way) -> MachineId {
        let id = MachineId(format!("m{number:04}"));
        let [high, low] = number.to_be_bytes();
        let birth = Birth {
            macs: vec![Mac([0x52, 0x54, 0, 0x77, high, low])],
            hostname: Some(format!("node{number:04}").parse().unwrap()),
            enrolled: true,
            ..Birth::default()
        };
        self.app.store.machine_born(birth, id.clone(), 1).await.unwrap();
        let address = address(number);
        self.fakes.put(&address, power, way);
        self.app.store.bmc_put(bmc(&id, &address)).await.unwrap();
        id
    }

    pub async fn pass(&self, id: &MachineId) {
        server::bmc::drive::pass(&self.app, &self.bmcs, id).await.unwrap();
    }

    /// What a poll does.
    pub async fn poll(&self, id: &MachineId) {
        let row = self.app.store.bmc(id).await.unwrap().unwrap();
        let _ = self.bmcs.read(&self.app, &row, server::bmc::lane::Asker::Server).await;
        self.pass(id).await;
    }

    pub async fn submit(&self, id: &MachineId, event: Event) {
        self.app.store.submit(id, event, "test", server::clock::now()).await.unwrap();
    }

    pub async fn view(&self, id: &MachineId) -> api::machine::Machine {
        self.app.view(id).await.unwrap()
    }

    pub async fn notes(&self, id: &MachineId) -> Vec<String> {
        let history = self.app.store.history(id, 50).await.unwrap();
        history.into_iter().rev().map(|entry| entry.note).filter(|note| !note.is_empty()).collect()
    }
}

pub fn address(number: u16) -> String {
    format!("bmc-{number}")
}

pub fn bmc(id: &MachineId, address: &str) -> BmcRow {
    BmcRow {
        machine: id.0.clone(),
        driver: "redfish".into(),
        address: address.into(),
        port: None,
        credentials: None,
        username: "root".into(),
        password: None,
        certificate: None,
        origin: "operator".into(),
        bmc_key: None,
        secure_on: None,
    }
}
