//! What a BMC has its wires on. The protocols are written against this alone, so that they run on a QEMU machine and,
//! in tests of the protocols, on a board without one.

use std::os::unix::net::UnixStream;

use anyhow::Result;

/// A mainboard as its BMC sees it. Calls come from several sessions at once.
pub trait Board: Send + Sync + 'static {
    fn identity(&self) -> Identity;

    fn power(&self) -> Result<Power>;

    /// Returns once the order is on its way; `power` tells when it has been carried out.
    fn act(&self, action: Action) -> Result<()>;

    /// The override that the next start will find.
    fn boot(&self) -> Boot;

    /// A `Persistence::Once` is spent by the next start, whoever causes it.
    fn set_boot(&self, boot: Boot) -> Result<()>;

    fn light(&self) -> Light;

    fn set_light(&self, light: Light) -> Result<()>;

    fn sensors(&self) -> Vec<Sensor>;

    /// Oldest first.
    fn log(&self) -> Vec<Entry>;

    fn clear_log(&self);

    /// The serial port, both ways. One at a time has it.
    fn console(&self) -> Result<UnixStream>;

    /// Holds the line to the serial port low for longer than any letter takes, which its UART tells from all of them.
    fn send_break(&self) -> Result<()>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub name: String,
    pub vendor: String,
    pub product: String,
    pub serial: String,
    pub asset: String,
    /// As SMBIOS type 1 has it, lower case with dashes.
    pub uuid: String,
    pub uefi: bool,
    pub cpus: u32,
    pub memory_mb: u64,
    /// Of the cards, `52:54:00:77:00:01`.
    pub macs: Vec<String>,
    pub disks: Vec<Drive>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drive {
    pub serial: String,
    pub bytes: u64,
    /// `SATA`, `NVMe` or `virtio`.
    pub bus: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    On,
    /// Power is cut.
    Off,
    /// The power button, pressed: the guest ends by itself, or does not.
    Shutdown,
    /// The reset button: power stays on.
    Reset,
    /// Off and on again, hard.
    Cycle,
    /// A non-maskable interrupt to the processors.
    Nmi,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    pub target: Target,
    pub persistence: Persistence,
    /// None: whatever the firmware is set to.
    pub mode: Option<Mode>,
}

impl Boot {
    pub const NONE: Boot = Boot { target: Target::Usual, persistence: Persistence::Once, mode: None };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// No override: the firmware's own order.
    Usual,
    Network,
    Disk,
    Cd,
    /// The firmware's setup.
    Setup,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    Once,
    Always,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Bios,
    Uefi,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Light {
    Off,
    Blinking,
    Lit,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sensor {
    pub name: String,
    pub kind: Quantity,
    /// None while there is nothing to read, as of a fan of a machine that is off.
    pub value: Option<f64>,
    pub upper_critical: Option<f64>,
}

/// With its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    Celsius,
    Rpm,
    Watts,
    Volts,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1, never used twice until the log is cleared.
    pub id: u32,
    /// Seconds since 1970 by the BMC's clock.
    pub at: u64,
    pub severity: Severity,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Ok,
    Warning,
    Critical,
}
