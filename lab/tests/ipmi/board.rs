//! A mainboard in memory: what a BMC of the rack is tried on where no machine has to boot.

use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Result, ensure};
use lab::bmc::board::{
    Action, Board, Boot, Entry, Identity, Light, Persistence, Power, Quantity, Sensor, Severity,
};

/// Of the first entry of its log, in seconds since 1970.
const THEN: u64 = 1_700_000_000;

pub struct Memory {
    state: Mutex<State>,
    /// The machine's ends of serial ports that were opened.
    lines: Sender<UnixStream>,
}

struct State {
    power: Power,
    boot: Boot,
    light: Light,
    log: Vec<Entry>,
    actions: Vec<Action>,
    /// With what each start found.
    starts: Vec<Boot>,
    console_taken: bool,
    breaks: usize,
}

impl Memory {
    /// It is off. The other value is where serial ports that somebody opens appear.
    pub fn new() -> (Arc<Memory>, Receiver<UnixStream>) {
        let (lines, opened) = channel();
        let entry = |id, severity, message: &str| Entry {
            id,
            at: THEN + u64::from(id),
            severity,
            message: message.into(),
        };
        let log = vec![
            entry(1, Severity::Ok, "power on"),
            entry(2, Severity::Critical, "fan 2 stopped"),
            entry(3, Severity::Ok, "power off"),
        ];
        let state = State {
            power: Power::Off,
            boot: Boot::NONE,
            light: Light::Off,
            log,
            actions: vec![],
            starts: vec![],
            console_taken: false,
            breaks: 0,
        };
        (Arc::new(Memory { state: Mutex::new(state), lines }), opened)
    }

    pub fn actions(&self) -> Vec<Action> {
        self.lock().actions.clone()
    }

    pub fn starts(&self) -> Vec<Boot> {
        self.lock().starts.clone()
    }

    /// Somebody beside the BMC has the serial port.
    pub fn take_console(&self, taken: bool) {
        self.lock().console_taken = taken;
    }

    /// That reached its serial port.
    pub fn breaks(&self) -> usize {
        self.lock().breaks
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Board for Memory {
    fn identity(&self) -> Identity {
        Identity {
            name: "node-1".into(),
            vendor: "Rack and Sons".into(),
            product: "Lab machine 2".into(),
            serial: "SN-0042".into(),
            asset: "AT-7".into(),
            uuid: "5254007a-0001-4000-8000-0123456789ab".into(),
            uefi: true,
            cpus: 2,
            memory_mb: 2048,
            macs: vec!["52:54:00:77:00:01".into()],
            disks: vec![],
        }
    }

    fn power(&self) -> Result<Power> {
        Ok(self.lock().power)
    }

    fn act(&self, action: Action) -> Result<()> {
        let mut state = self.lock();
        state.actions.push(action);
        let starts = match action {
            Action::On => state.power == Power::Off,
            Action::Reset | Action::Cycle => true,
            Action::Off | Action::Shutdown | Action::Nmi => false,
        };
        if matches!(action, Action::Off | Action::Shutdown) {
            state.power = Power::Off;
        }
        if starts {
            state.power = Power::On;
            let boot = state.boot;
            state.starts.push(boot);
            if boot.persistence == Persistence::Once {
                state.boot = Boot::NONE;
            }
        }
        Ok(())
    }

    fn boot(&self) -> Boot {
        self.lock().boot
    }

    fn set_boot(&self, boot: Boot) -> Result<()> {
        self.lock().boot = boot;
        Ok(())
    }

    fn light(&self) -> Light {
        self.lock().light
    }

    fn set_light(&self, light: Light) -> Result<()> {
        self.lock().light = light;
        Ok(())
    }

    fn sensors(&self) -> Vec<Sensor> {
        let on = self.lock().power == Power::On;
        let sensor = |name: &str, kind, value: Option<f64>, upper_critical| Sensor {
            name: name.into(),
            kind,
            value,
            upper_critical,
        };
        vec![
            sensor("CPU Temp", Quantity::Celsius, Some(if on { 47.0 } else { 24.0 }), Some(95.0)),
            sensor("Exhaust Temp", Quantity::Celsius, Some(61.0), Some(60.0)),
            sensor("Fan 1", Quantity::Rpm, on.then_some(4960.0), None),
            sensor("Draw", Quantity::Watts, Some(if on { 144.0 } else { 8.0 }), Some(750.0)),
            sensor("12V", Quantity::Volts, Some(12.06), None),
        ]
    }

    fn log(&self) -> Vec<Entry> {
        self.lock().log.clone()
    }

    fn clear_log(&self) {
        self.lock().log.clear();
    }

    fn console(&self) -> Result<UnixStream> {
        ensure!(!self.lock().console_taken, "somebody else has the serial port");
        let (bmc, machine) = UnixStream::pair()?;
        // A test that looks at no console has dropped the other end.
        let _ = self.lines.send(machine);
        Ok(bmc)
    }

    fn send_break(&self) -> Result<()> {
        self.lock().breaks += 1;
        Ok(())
    }
}
