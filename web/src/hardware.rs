//! What the agent found in a machine, and what the plan makes of its disk.

use api::facts::{BootMode, Disk, DiskContent, Facts, Interface, Transport};
use api::plan::{Plan, PlannedPartition};
use askama::Template;

use crate::words::size;

#[derive(Template)]
#[template(path = "machine_facts.html")]
pub struct FactsCard<'a> {
    pub facts: Option<&'a Facts>,
}

#[derive(Template)]
#[template(path = "machine_plan.html")]
pub struct PlanCard<'a> {
    pub plan: Option<&'a Plan>,
}

impl FactsCard<'_> {
    fn mode(&self, mode: &BootMode) -> &'static str {
        match mode {
            BootMode::Bios => "BIOS",
            BootMode::Uefi => "UEFI",
        }
    }

    fn clock(&self, facts: &Facts) -> String {
        format!("{:+.3} s", facts.clock_error_ms as f64 / 1e3)
    }

    fn link(&self, interface: &Interface) -> String {
        match (interface.link, interface.speed) {
            (false, _) => "down".into(),
            (true, 0) => "up".into(),
            (true, speed) => format!("{speed} Mb/s"),
        }
    }
}

impl PlanCard<'_> {
    fn extent(&self, plan: &Plan, partition: &PlannedPartition) -> String {
        let sectors = partition.last.saturating_sub(partition.first).saturating_add(1);
        size(&sectors.saturating_mul(plan.disk.sector_size.into()))
    }
}

/// How a disk is attached and what is special about it.
pub fn disk_kind(disk: &Disk) -> String {
    let transport = match disk.transport {
        Transport::Nvme => "NVMe",
        Transport::Sata => "SATA",
        Transport::Sas => "SAS",
        Transport::Virtio => "virtio",
        Transport::Usb => "USB",
        Transport::Other => "other",
    };
    let flags =
        [(disk.rotational, ", rotational"), (disk.removable, ", removable"), (disk.read_only, ", read-only")];
    flags.iter().filter(|(set, _)| *set).fold(transport.into(), |kind, (_, flag)| kind + flag)
}

/// What lies on a disk, one thing a line.
pub fn content_lines(content: &DiskContent) -> Vec<String> {
    let install = content.identity.iter().map(|identity| {
        format!(
            "our install: {} of site {}, generation {}",
            identity.hostname, identity.site, identity.generation
        )
    });
    install.chain(content.table.clone()).chain(content.signatures.iter().cloned()).collect()
}
