//! How vendors' firmware departs from the specification, in one table, each bend with the place where it was told.
//! Pure.

use serde_json::Value;

use super::doc;

/// Whose Redfish service it is, which is not always who made the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    Dell,
    Hpe,
    Lenovo,
    Supermicro,
    Ami,
    Other,
}

/// What to do otherwise than the specification says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bend {
    /// The boot override is written to the settings object, not to the system.
    SettingsFirst,
    /// The override's mode goes with every change, or the firmware falls back to its default.
    ModeAlways,
    /// The override's mode cannot be written, and what is read there says little.
    ModeNever,
    /// An override is cleared with its target left in place.
    KeepTarget,
    /// A change without `If-Match` is refused, or taken and dropped.
    MatchAlways,
    /// An entry of the firmware inventory whose id begins so is not what runs.
    NotRunning(&'static str),
    /// A log that holds every login and every reading: thousands of entries.
    Chatter(&'static str),
    /// Drives behind this link of the system's, in the vendor's own shape.
    Drives(&'static [&'static str]),
}

pub struct Quirk {
    pub vendor: Vendor,
    pub bend: Bend,
    /// Where it was told.
    pub source: &'static str,
}

/// What holds for all needs no row: every write falls back from the system to its settings object and the other way
/// round (iDRAC10: <https://github.com/ansible-collections/community.general/issues/11297>), the mode is sent only to
/// firmware that shows one (X10: <https://github.com/ironcore-dev/metal-operator/issues/982>), a redirect to the same
/// path with a slash is followed (<https://github.com/bb-Ricardo/check_redfish/pull/187>), an ETag that never matches
/// is left out in the end (<https://github.com/ansible-collections/community.general/pull/3268>).
pub const QUIRKS: &[Quirk] = &[
    Quirk {
        vendor: Vendor::Dell,
        bend: Bend::NotRunning("Previous-"),
        source: "https://github.com/dell/iDRAC-Redfish-Scripting (GetFirmwareInventoryREDFISH.py)",
    },
    Quirk {
        vendor: Vendor::Dell,
        bend: Bend::NotRunning("Available-"),
        source: "https://github.com/dell/iDRAC-Redfish-Scripting (DeviceFirmwareSimpleUpdateREDFISH.py)",
    },
    Quirk {
        vendor: Vendor::Dell,
        bend: Bend::Chatter("Lclog"),
        source: "https://github.com/dell/iDRAC-Redfish-Scripting (GetIdracLcLogsREDFISH.py)",
    },
    Quirk {
        vendor: Vendor::Hpe,
        bend: Bend::ModeNever,
        source: "https://github.com/ansible-collections/community.general/issues/3509",
    },
    Quirk {
        vendor: Vendor::Hpe,
        bend: Bend::KeepTarget,
        source: "https://github.com/ironcore-dev/metal-operator/pull/998",
    },
    Quirk {
        vendor: Vendor::Hpe,
        bend: Bend::Drives(&["Oem", "Hpe", "Links", "SmartStorage"]),
        source: "https://servermanagementportal.ext.hpe.com/docs/redfishservices/ilos/supplementdocuments/storage",
    },
    Quirk {
        vendor: Vendor::Hpe,
        bend: Bend::Drives(&["Oem", "Hp", "Links", "SmartStorage"]),
        source: "https://docs.rs/crate/libredfish2/latest/source/tests/disk-drive.json",
    },
    Quirk {
        vendor: Vendor::Lenovo,
        bend: Bend::MatchAlways,
        source: "https://github.com/fwupd/fwupd/issues/6347",
    },
    Quirk {
        vendor: Vendor::Lenovo,
        bend: Bend::Chatter("AuditLog"),
        source: "https://github.com/lenovo/python-redfish-lenovo (examples/get_system_log.py)",
    },
    Quirk {
        vendor: Vendor::Supermicro,
        bend: Bend::ModeAlways,
        source: "https://github.com/DMTF/Redfishtool/pull/106",
    },
    Quirk {
        vendor: Vendor::Ami,
        bend: Bend::SettingsFirst,
        source: "https://github.com/DMTF/Redfish-Tacklebox/issues/144",
    },
    Quirk {
        vendor: Vendor::Ami,
        bend: Bend::MatchAlways,
        source: "https://github.com/stmcginnis/gofish/issues/171",
    },
];

impl Vendor {
    /// The service's own word comes first: a Lenovo machine with AMI's BMC behaves as AMI's do
    /// (<https://github.com/dsx-ai-factory/libredfish/pull/34>).
    pub fn of(root: &Value, system: &Value) -> Vendor {
        let oem = |name: &str| doc::at(root, &["Oem", name]).is_some();
        let named = |name: &str| {
            ["Vendor", "Product", "Name"]
                .iter()
                .any(|field| doc::text(root, field).is_some_and(|text| begins(text, name)))
        };
        let made = |name: &str| doc::text(system, "Manufacturer").is_some_and(|text| begins(text, name));
        match () {
            () if oem("Ami") || named("AMI") => Vendor::Ami,
            () if oem("Dell") || named("Dell") || named("Integrated Dell") || made("Dell") => Vendor::Dell,
            () if oem("Hpe") || oem("Hp") || named("HP") || made("HP") || made("Hewlett") => Vendor::Hpe,
            () if oem("Supermicro") || named("Supermicro") || made("Super") => Vendor::Supermicro,
            () if oem("Lenovo") || named("Lenovo") || made("Lenovo") => Vendor::Lenovo,
            () => Vendor::Other,
        }
    }

    pub fn bends(self) -> impl Iterator<Item = Bend> {
        QUIRKS.iter().filter(move |quirk| quirk.vendor == self).map(|quirk| quirk.bend)
    }

    pub fn has(self, bend: Bend) -> bool {
        self.bends().any(|each| each == bend)
    }
}

fn begins(text: &str, name: &str) -> bool {
    text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_bend_has_its_source() {
        for quirk in QUIRKS {
            assert!(quirk.source.starts_with("https://"), "{:?} {:?}", quirk.vendor, quirk.bend);
        }
    }

    #[test]
    fn the_service_is_asked_before_the_machine() {
        let of = |root: Value, system: Value| Vendor::of(&root, &system);
        assert_eq!(of(json!({"Oem": {"Ami": {}}}), json!({"Manufacturer": "Lenovo"})), Vendor::Ami);
        assert_eq!(of(json!({"Vendor": "HPE"}), json!({})), Vendor::Hpe);
        assert_eq!(
            of(json!({"Name": "Root Service"}), json!({"Manufacturer": "Supermicro"})),
            Vendor::Supermicro
        );
        assert_eq!(of(json!({"Name": "é"}), json!({"Manufacturer": 3})), Vendor::Other);
    }
}
