//! How vendors' services differ from each other and from the specification: one table, each bend with the place where it
//! was told. Pure.

/// Whose service a BMC behaves like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// By the specification.
    Plain,
    Dell,
    Hpe,
    Lenovo,
    Supermicro,
    Ami,
    /// sushy-tools' emulator, which OpenStack and Metal3 test against.
    Sushy,
}

impl Vendor {
    pub const ALL: [Vendor; 7] = [
        Vendor::Plain,
        Vendor::Dell,
        Vendor::Hpe,
        Vendor::Lenovo,
        Vendor::Supermicro,
        Vendor::Ami,
        Vendor::Sushy,
    ];
}

/// How an action says what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// `@Redfish.AllowableValues` beside the target.
    Listed,
    /// In a document of its own, an `ActionInfo`.
    Info,
}

/// What is said to an order for a state that the machine is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    Taken,
    /// 409 with Dell's words.
    Conflict,
    /// 400 with HPE's words.
    Invalid,
    /// 500.
    Internal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootMode {
    Writable,
    /// Written by nobody, and a request that tries is refused as a whole.
    ReadOnly,
    /// Legacy after every change that does not name it.
    Falls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// `If-Match` is heeded where it is sent.
    Heeded,
    /// A change without `If-Match` is answered 428.
    Demanded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Light {
    /// `LocationIndicatorActive` alone.
    Active,
    /// `IndicatorLED` alone, with these values.
    Led(&'static [&'static str]),
    Both,
}

/// Which resource has the log, or the virtual drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    System,
    Manager,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Manners {
    /// `Vendor` and `Product` of the service root, and the name in its `Oem`.
    pub vendor: &'static str,
    pub product: &'static str,
    pub oem: Option<&'static str>,
    pub system: &'static str,
    pub chassis: &'static str,
    pub manager: &'static str,
    /// Every path ends in a slash, and one without is redirected.
    pub slashes: bool,
    pub resets: &'static [&'static str],
    pub values: Values,
    pub again: Again,
    /// A reset is answered 202 with a task.
    pub reset_by_task: bool,
    pub manager_resets: &'static [&'static str],
    /// A manager reset is answered 202 with a task.
    pub manager_by_task: bool,
    pub condition: Condition,
    pub weak_tags: bool,
    /// A change that was taken is answered 200 with a message, not 204.
    pub success_told: bool,
    /// A change of which a part is refused is refused as a whole.
    pub whole_or_nothing: bool,
    /// Under the system: where the override is written instead of there.
    pub settings: Option<&'static str>,
    pub boot_mode: BootMode,
    /// `Once` is taken, and is `Continuous` from then on.
    pub once_stays: bool,
    /// An override is disabled only with a target that is not `None`.
    pub keeps_target: bool,
    pub light: Light,
    /// `Power` and `Thermal`, not the subsystems that replace them.
    pub old_sensing: bool,
    pub log: (Owner, &'static str),
    /// A log's collection holds its entries, as it has to (DSP0268, LogEntryCollection), not links to them.
    pub whole_entries: bool,
    pub media: (Owner, &'static str),
    /// Media is inserted by a change of the drive: there are no actions.
    pub media_by_patch: bool,
    pub sessions: usize,
    /// The message of one session too many.
    pub full: &'static str,
}

const PLAIN: Manners = Manners {
    vendor: "Rack",
    product: "Virtual BMC",
    oem: None,
    system: "1",
    chassis: "1",
    manager: "1",
    slashes: false,
    resets: &["On", "ForceOff", "GracefulShutdown", "ForceRestart", "PowerCycle", "Nmi", "PushPowerButton"],
    values: Values::Listed,
    again: Again::Taken,
    reset_by_task: false,
    manager_resets: &["GracefulRestart", "ForceRestart"],
    manager_by_task: false,
    condition: Condition::Heeded,
    weak_tags: false,
    success_told: false,
    whole_or_nothing: false,
    settings: None,
    boot_mode: BootMode::Writable,
    once_stays: false,
    keeps_target: false,
    light: Light::Active,
    old_sensing: false,
    log: (Owner::System, "Log"),
    whole_entries: true,
    media: (Owner::System, "Cd"),
    media_by_patch: false,
    sessions: 16,
    full: "Base.SessionLimitExceeded",
};

/// Names: <https://github.com/dell/iDRAC-Redfish-Scripting>. 409 with PSU501:
/// <https://github.com/dell/dellemc-openmanage-ansible-modules/issues/132>. 503 with RAC0218, and eight sessions:
/// <https://github.com/bb-Ricardo/check_redfish/issues/89>, <https://github.com/bb-Ricardo/check_redfish/pull/198>.
const DELL: Manners = Manners {
    vendor: "Dell",
    product: "Integrated Dell Remote Access Controller",
    oem: Some("Dell"),
    system: "System.Embedded.1",
    chassis: "System.Embedded.1",
    manager: "iDRAC.Embedded.1",
    resets: &["On", "ForceOff", "ForceRestart", "GracefulShutdown", "PushPowerButton", "Nmi", "PowerCycle"],
    again: Again::Conflict,
    manager_resets: &["GracefulRestart"],
    light: Light::Both,
    old_sensing: true,
    log: (Owner::Manager, "Sel"),
    media: (Owner::Manager, "CD"),
    sessions: 8,
    full: "IDRAC.2.8.RAC0218",
    ..PLAIN
};

/// The button instead of a graceful shutdown, 400 where the state does not fit, weak tags:
/// <https://github.com/goldyfruit/ansible-ilo/issues/1>. Slashes: <https://github.com/bb-Ricardo/check_redfish/pull/187>.
/// Mode, a part that spoils the whole, and 200 for what was taken: <https://github.com/ansible-collections/community.general/issues/3509>. Target:
/// <https://github.com/ironcore-dev/metal-operator/pull/998>. Names, and entries by links:
/// <https://servermanagementportal.ext.hpe.com/docs/redfishservices/ilos/ilo5>.
const HPE: Manners = Manners {
    vendor: "HPE",
    product: "ProLiant DL380 Gen10",
    oem: Some("Hpe"),
    slashes: true,
    resets: &["On", "ForceOff", "ForceRestart", "Nmi", "PushPowerButton"],
    again: Again::Invalid,
    weak_tags: true,
    success_told: true,
    whole_or_nothing: true,
    boot_mode: BootMode::ReadOnly,
    keeps_target: true,
    light: Light::Led(&["Off", "Lit", "Blinking"]),
    old_sensing: true,
    log: (Owner::System, "IML"),
    whole_entries: false,
    media: (Owner::Manager, "2"),
    ..PLAIN
};

/// `If-Match` is demanded: <https://github.com/fwupd/fwupd/issues/6347>. Values in documents of their own, and a drive
/// that is written: <https://github.com/lenovo/python-redfish-lenovo>. A restart of the BMC is a task:
/// <https://github.com/lenovo/powershell-redfish-lenovo/pull/76>.
const LENOVO: Manners = Manners {
    vendor: "Lenovo",
    product: "Lenovo XClarity Controller",
    oem: Some("Lenovo"),
    resets: &["On", "Nmi", "GracefulShutdown", "ForceOn", "ForceOff", "ForceRestart"],
    values: Values::Info,
    manager_by_task: true,
    condition: Condition::Demanded,
    light: Light::Both,
    old_sensing: true,
    log: (Owner::System, "PlatformLog"),
    media: (Owner::Manager, "EXT1"),
    media_by_patch: true,
    ..PLAIN
};

/// Mode: <https://github.com/DMTF/Redfishtool/pull/106>. Values in a document of their own, a manager reset without
/// any, no `Vendor`: <https://www.supermicro.com/en/support/manuals/product/software/redfish-user-guide>.
const SUPERMICRO: Manners = Manners {
    vendor: "",
    product: "",
    oem: Some("Supermicro"),
    resets: &["On", "ForceOff", "GracefulShutdown", "ForceRestart", "Nmi", "ForceOn"],
    values: Values::Info,
    manager_resets: &[],
    boot_mode: BootMode::Falls,
    light: Light::Led(&["Off", "Blinking"]),
    old_sensing: true,
    log: (Owner::Manager, "Log1"),
    media: (Owner::Manager, "VirtualMedia1"),
    ..PLAIN
};

/// The override in another place: <https://github.com/DMTF/Redfish-Tacklebox/issues/144>. `If-Match` is demanded:
/// <https://github.com/stmcginnis/gofish/issues/171>. Slots, sensors, log: <https://github.com/xcat2/confluent/pull/274>.
/// Resets by task are not AMI's alone: <https://github.com/device-management-toolkit/console/pull/1051>; nor is a 500
/// where the state does not fit, of a vendor that is not named: <https://github.com/DMTF/Redfish-Tacklebox/issues/143>.
const AMI: Manners = Manners {
    vendor: "AMI",
    product: "AMI Redfish Server",
    oem: Some("Ami"),
    system: "Self",
    chassis: "Self",
    manager: "Self",
    again: Again::Internal,
    reset_by_task: true,
    manager_resets: &["ForceRestart"],
    condition: Condition::Demanded,
    settings: Some("SD"),
    log: (Owner::Manager, "SEL"),
    media: (Owner::System, "CD1"),
    ..PLAIN
};

/// `Continuous` whatever was asked for: <https://docs.openstack.org/sushy-tools/latest/>, as read from 2.2.0;
/// kubevirtbmc does the same: <https://github.com/kubevirtbmc/kubevirtbmc/issues/165>.
const SUSHY: Manners = Manners {
    vendor: "",
    product: "",
    resets: &["On", "ForceOff", "GracefulShutdown", "ForceRestart", "Nmi", "ForceOn"],
    once_stays: true,
    light: Light::Led(&["Lit", "Blinking", "Off"]),
    old_sensing: true,
    media: (Owner::Manager, "Cd"),
    ..PLAIN
};

impl Vendor {
    pub fn manners(self) -> &'static Manners {
        match self {
            Vendor::Plain => &PLAIN,
            Vendor::Dell => &DELL,
            Vendor::Hpe => &HPE,
            Vendor::Lenovo => &LENOVO,
            Vendor::Supermicro => &SUPERMICRO,
            Vendor::Ami => &AMI,
            Vendor::Sushy => &SUSHY,
        }
    }
}
