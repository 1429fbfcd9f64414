//! The boot override: how it is written, what of it can be read back, how it is taken back. Pure.

use api::bmc::{BootOnce, Fault, FirmwareMode};
use serde_json::{Map, Value, json};

use super::action::Call;
use super::doc;
use super::places::Places;
use super::quirks::Bend;
use super::tree::Tree;

/// What the BMC says of its override.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Override {
    pub target: Option<String>,
    pub enabled: Option<String>,
    pub mode: Option<String>,
}

impl Override {
    /// Whether a further start goes where this one did.
    pub fn set(&self) -> bool {
        let is = |field: &Option<String>, word: &str| field.as_deref() == Some(word);
        self.target.is_some() && !is(&self.target, "None") && !is(&self.enabled, "Disabled")
    }

    /// Firmware that says `Continuous` after it was told `Once` goes on until it is cleared.
    pub fn stays(&self) -> bool {
        self.set() && self.enabled.as_deref() == Some("Continuous")
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    pub target: BootOnce,
    pub mode: FirmwareMode,
}

/// Ways to write the wish, the best first: a place that refuses, or takes it and shows nothing of it, is followed by
/// the other.
pub fn writes(tree: &Tree, places: &Places, wish: Wish) -> Result<Vec<Call>, Fault> {
    let target = target(tree, places, wish)?;
    let bodies = |boot: &Value| {
        let once = json!({"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": target});
        let with = with_mode(&once, mode_word(wish.mode));
        let shows = boot.get("BootSourceOverrideMode").is_some()
            || boot.get("BootSourceOverrideMode@Redfish.AllowableValues").is_some();
        match () {
            () if !shows || places.vendor.has(Bend::ModeNever) => vec![once],
            () if places.vendor.has(Bend::ModeAlways) => vec![with],
            () => vec![with, once],
        }
    };
    let found = spots(tree, places)?;
    Ok(found.iter().flat_map(|(path, boot)| patches(path, bodies(boot))).collect())
}

/// Ways to take it back.
pub fn clears(tree: &Tree, places: &Places) -> Result<Vec<Call>, Fault> {
    let bodies = |boot: &Value| {
        let off = json!({"BootSourceOverrideEnabled": "Disabled"});
        let none = json!({"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"});
        let kept = doc::text(boot, "BootSourceOverrideTarget").unwrap_or("Pxe");
        let keep = json!({"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": kept});
        let bodies = if places.vendor.has(Bend::KeepTarget) { vec![keep, off] } else { vec![none, off] };
        let mode = doc::text(boot, "BootSourceOverrideMode").filter(|_| places.vendor.has(Bend::ModeAlways));
        bodies.into_iter().map(|body| mode.map_or(body.clone(), |mode| with_mode(&body, mode))).collect()
    };
    let found = spots(tree, places)?;
    Ok(found.iter().flat_map(|(path, boot)| patches(path, bodies(boot))).collect())
}

/// What is set now, at the system or in its settings: whichever says more.
pub fn read(tree: &Tree, places: &Places) -> Result<Override, Fault> {
    let found = spots(tree, places)?;
    let all = || found.iter().map(|(_, boot)| override_of(boot));
    Ok(all().find(Override::set).or_else(|| all().next()).unwrap_or_default())
}

/// Whether what was read is what was asked for.
pub fn judge(read: &Override, places: &Places, wish: Wish) -> Result<(), Fault> {
    let obeyed =
        |targets: &[&str]| read.set() && targets.iter().any(|each| read.target.as_deref() == Some(*each));
    if !obeyed(candidates(wish)) {
        return Err(Fault::NotObeyed(format!(
            "asked to boot once from {}, it says target {}, enabled {}",
            candidates(wish)[0],
            read.target.as_deref().unwrap_or("unknown"),
            read.enabled.as_deref().unwrap_or("unknown")
        )));
    }
    match read.mode.as_deref() {
        Some(mode @ ("UEFI" | "Legacy"))
            if mode != mode_word(wish.mode) && !places.vendor.has(Bend::ModeNever) =>
        {
            Err(Fault::NotObeyed(format!(
                "asked for an override in mode {}, it says {mode}: firmware in the other mode ignores it",
                mode_word(wish.mode)
            )))
        }
        _ => Ok(()),
    }
}

fn candidates(wish: Wish) -> &'static [&'static str] {
    match wish {
        Wish { target: BootOnce::Disk, .. } => &["Hdd"],
        Wish { mode: FirmwareMode::Bios, .. } => &["Pxe"],
        // With no address given, firmware asks DHCP for one, as it does for PXE.
        Wish { mode: FirmwareMode::Uefi, .. } => &["Pxe", "UefiHttp"],
    }
}

fn target(tree: &Tree, places: &Places, wish: Wish) -> Result<&'static str, Fault> {
    let found = spots(tree, places)?;
    let lists = ["BootSourceOverrideTarget@Redfish.AllowableValues", "BootSourceOverrideSupported"];
    let known = found.iter().flat_map(|(_, boot)| lists.map(|list| doc::texts(boot, list)));
    let Some(known) = known.into_iter().find(|list| !list.is_empty()) else { return Ok(candidates(wish)[0]) };
    candidates(wish).iter().find(|target| known.contains(target)).copied().ok_or_else(|| {
        Fault::Unsupported(format!(
            "it boots once from {}, and not from {}",
            known.join(", "),
            candidates(wish).join(" or ")
        ))
    })
}

/// Where an override may be written, the better place first, each with its `Boot`.
fn spots<'a>(tree: &'a Tree, places: &Places) -> Result<Vec<(String, &'a Value)>, Fault> {
    static NOTHING: Value = Value::Null;
    let system = tree.need(&places.system)?;
    let boot = |doc: &'a Value| doc.get("Boot").unwrap_or(&NOTHING);
    let mut found = vec![(places.system.clone(), boot(system))];
    let settings = doc::at(system, &["@Redfish.Settings"]).and_then(|all| doc::link(all, "SettingsObject"));
    if let Some(path) = settings
        && let Some(doc) = tree.get(&path)
    {
        found.push((path, boot(doc)));
    }
    if places.vendor.has(Bend::SettingsFirst) {
        found.reverse();
    }
    if found.iter().all(|(_, boot)| boot.is_null()) {
        return Err(Fault::Unsupported(format!("{} has no boot override", places.system)));
    }
    Ok(found)
}

fn override_of(boot: &Value) -> Override {
    // `None` is a target, and is not filled in where nothing is known.
    let word = |field: &str| boot.get(field).and_then(Value::as_str).map(str::to_string);
    Override {
        target: word("BootSourceOverrideTarget"),
        enabled: word("BootSourceOverrideEnabled"),
        mode: word("BootSourceOverrideMode"),
    }
}

fn patches(path: &str, bodies: Vec<Value>) -> Vec<Call> {
    bodies.into_iter().map(|body| Call::patch(path, json!({"Boot": body}))).collect()
}

fn with_mode(boot: &Value, mode: &str) -> Value {
    let mut fields: Map<String, Value> = boot.as_object().cloned().unwrap_or_default();
    fields.insert("BootSourceOverrideMode".into(), json!(mode));
    Value::Object(fields)
}

fn mode_word(mode: FirmwareMode) -> &'static str {
    match mode {
        FirmwareMode::Bios => "Legacy",
        FirmwareMode::Uefi => "UEFI",
    }
}
