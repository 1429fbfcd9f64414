//! A board that is nothing but memory, and the service on it. Our own client is tried against it, too.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use anyhow::{Result, bail};
use lab::bmc::User;
use lab::bmc::board::{
    Action, Board, Boot, Drive, Entry, Identity, Light, Power, Quantity, Sensor, Severity,
};
use lab::bmc::fault::Faults;
use lab::bmc::redfish::{Handle, Vendor, serve};

pub const PASSWORD: &str = "open sesame";

pub struct Memory(Mutex<Inside>);

pub struct Inside {
    pub power: Power,
    pub boot: Boot,
    pub light: Light,
    pub log: Vec<Entry>,
    pub acts: Vec<Action>,
    /// Its wires are cut: what it is told to do it cannot.
    pub broken: bool,
    /// What its power is read as once more, after it changed.
    pub stale: Option<Power>,
}

impl Memory {
    pub fn look<T>(&self, at: impl FnOnce(&mut Inside) -> T) -> T {
        at(&mut self.0.lock().unwrap())
    }
}

impl Board for Memory {
    fn identity(&self) -> Identity {
        Identity {
            name: "node01".into(),
            vendor: "Rack".into(),
            product: "Model 7".into(),
            serial: "SN-0007".into(),
            asset: "asset-7".into(),
            uuid: "4c4c4544-0039-4b10-8056-b4c04f503733".into(),
            uefi: true,
            cpus: 2,
            memory_mb: 2048,
            macs: vec!["52:54:00:77:00:01".into()],
            disks: vec![
                Drive { serial: "disk-a".into(), bytes: 8 << 30, bus: "NVMe".into() },
                Drive { serial: "disk-b".into(), bytes: 4 << 30, bus: "virtio".into() },
            ],
        }
    }

    fn power(&self) -> Result<Power> {
        Ok(self.look(|inside| inside.stale.take().unwrap_or(inside.power)))
    }

    fn act(&self, action: Action) -> Result<()> {
        self.look(|inside| {
            if inside.broken {
                bail!("the wire to the power button is cut");
            }
            inside.acts.push(action);
            match action {
                Action::On | Action::Cycle => inside.power = Power::On,
                Action::Off | Action::Shutdown => inside.power = Power::Off,
                Action::Reset | Action::Nmi => {}
            }
            Ok(())
        })
    }

    fn boot(&self) -> Boot {
        self.look(|inside| inside.boot)
    }

    fn set_boot(&self, boot: Boot) -> Result<()> {
        self.look(|inside| inside.boot = boot);
        Ok(())
    }

    fn light(&self) -> Light {
        self.look(|inside| inside.light)
    }

    fn set_light(&self, light: Light) -> Result<()> {
        self.look(|inside| inside.light = light);
        Ok(())
    }

    fn sensors(&self) -> Vec<Sensor> {
        let of = |name: &str, kind, value, upper_critical| Sensor {
            name: name.into(),
            kind,
            value: Some(value),
            upper_critical,
        };
        vec![
            of("CPU Temp", Quantity::Celsius, 41.5, Some(95.0)),
            of("Fan 1", Quantity::Rpm, 4200.0, None),
            of("Input", Quantity::Watts, 87.0, None),
            of("12V", Quantity::Volts, 12.1, Some(13.2)),
        ]
    }

    fn log(&self) -> Vec<Entry> {
        self.look(|inside| inside.log.clone())
    }

    fn clear_log(&self) {
        self.look(|inside| inside.log.clear());
    }

    fn console(&self) -> Result<UnixStream> {
        bail!("it has no serial port")
    }

    fn send_break(&self) -> Result<()> {
        bail!("it has no serial port")
    }
}

pub struct Bmc {
    pub board: Arc<Memory>,
    pub faults: Faults,
    pub address: SocketAddr,
    _served: Handle,
}

impl Bmc {
    pub fn of(vendor: Vendor) -> Bmc {
        let entry =
            |id, severity, message: &str| Entry { id, at: 1_790_000_000, severity, message: message.into() };
        let board = Arc::new(Memory(Mutex::new(Inside {
            power: Power::Off,
            boot: Boot::NONE,
            light: Light::Off,
            log: vec![entry(1, Severity::Ok, "Power on"), entry(2, Severity::Warning, "CPU Temp is high")],
            acts: Vec::new(),
            broken: false,
            stale: None,
        })));
        let faults = Faults::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let users = vec![User { name: "admin".into(), password: PASSWORD.into() }];
        let served = serve(listener, board.clone(), faults.clone(), users, vendor).unwrap();
        Bmc { board, faults, address: served.address(), _served: served }
    }
}
