//! The operations on machines: their verbs, what is known of them, and their power.

use api::bmc::hardware::Hardware;
use api::bmc::media::{MediaOrder, VirtualDrive};
use api::bmc::update::{FirmwareUpdate, UpdateOrder};
use api::bmc::{LogEntry as BmcLogEntry, Sensor};
use api::console::ConsoleQuery;
use api::import::{ImportQuery, ImportRow, Imported};
use api::label::LabelChange;
use api::machine::{
    Allowed, Erasure, EventQuery, LogEntry, Machine, MachineDetail, MachineEvent, Page, Paging, Why,
};
use api::order::{Order, Verb};
use api::power::{BmcSettings, BmcView, GroupView, Identify, MachinePower, PowerOrder};
use api::tombstone::Tombstone;
use api::who::{MergeInto, Rename, Split};
use api::wipe::{WipePreview, WipeQuery};

use crate::operation::{Answer, Body, Operation, Type, row};

/// In the words of `metalctl machine --help`.
pub fn verb(verb: Verb) -> Operation {
    let (id, summary) = match verb {
        Verb::Approve => (
            "approveMachine",
            "Allow the erasure that an install means; let in a machine that is only recorded",
        ),
        Verb::Assign => ("assignProfile", "Give a machine another profile: `profile` of the order"),
        Verb::Reprovision => ("reprovisionMachine", "Install anew: back to RAM, erase, install, boot"),
        Verb::Retry => ("retryMachine", "Try the failed step again, in the same generation"),
        Verb::Hold => ("holdMachine", "Stop everything: no task, no change of boot"),
        Verb::Release => ("releaseMachine", "End a hold"),
        Verb::Inspect => {
            ("inspectMachine", "Read the hardware again; what is installed stays and boots again")
        }
        Verb::Rescue => (
            "rescueMachine",
            "Boot the agent into RAM with SSH, the disks untouched: `keys` of the order may log in",
        ),
        Verb::Leave => ("leaveRescue", "End a rescue"),
        Verb::Wipe => {
            ("wipeMachine", "Erase disks, and let the machine be free: `wipe` of the order says which")
        }
        Verb::Retire => {
            ("retireMachine", "Erase disks, and keep the machine for history: `wipe` of the order says which")
        }
        Verb::Delete => (
            "deleteMachine",
            "Forget a machine: its disks stay as they are, and a tombstone keeps it from being let in unasked",
        ),
    };
    let operation = row("POST", &format!("/machines/{{reference}}/{}", verb.as_str()), id, summary);
    let operation = operation.with::<Allowed>().answers::<Machine>();
    Operation { body: Body::Optional(Type::of::<Order>()), ..operation }
}

pub fn machines() -> Vec<Operation> {
    vec![
        row("GET", "/machines", "listMachines", "Machines, page by page, in the order of their first sight")
            .with::<Paging>()
            .answers::<Page<Machine>>(),
        row("GET", "/machines/{reference}", "showMachine", "A machine with all that is known of it")
            .answers::<MachineDetail>(),
        row(
            "GET",
            "/machines/{reference}/erasure",
            "showErasure",
            "Which disks an install would erase now, or why none",
        )
        .with::<Allowed>()
        .answers::<Erasure>(),
        row(
            "GET",
            "/machines/{reference}/wipe-preview",
            "previewWipe",
            "Which disks a wipe would erase now, and which it would leave",
        )
        .with::<WipeQuery>()
        .answers::<WipePreview>(),
        row(
            "GET",
            "/machines/{reference}/logs",
            "listLogs",
            "What the agent, the kernel and the boot scripts said, the newest 2000 lines",
        )
        .answers::<Vec<LogEntry>>(),
        row(
            "GET",
            "/machines/{reference}/why",
            "explainMachine",
            "What a machine waits for or why it failed, the usual cause, and what to do",
        )
        .answers::<Why>(),
        row(
            "POST",
            "/machines/{reference}/labels",
            "labelMachine",
            "Give labels to a machine, or take them away",
        )
        .takes::<LabelChange>()
        .answers::<Machine>(),
        row(
            "POST",
            "/machines/{reference}/merge",
            "mergeMachine",
            "Say that a machine is another one; answers with the one that is left",
        )
        .takes::<MergeInto>()
        .answers::<Machine>(),
        row(
            "POST",
            "/machines/{reference}/split",
            "splitMachine",
            "Say that ports of a machine are another machine's; answers with the new one",
        )
        .takes::<Split>()
        .answers::<Machine>(),
        row(
            "POST",
            "/machines/{reference}/rename",
            "renameMachine",
            "Give a machine another hostname, from its next install on",
        )
        .takes::<Rename>()
        .answers::<Machine>(),
        row(
            "POST",
            "/import",
            "importMachines",
            "Announce machines, or tell more about known ones: all of the list, or nothing of it",
        )
        .with::<ImportQuery>()
        .takes::<Vec<ImportRow>>()
        .answers::<Imported>(),
        row("GET", "/tombstones", "listTombstones", "What is still known of deleted machines, newest first")
            .answers::<Vec<Tombstone>>(),
        row(
            "GET",
            "/history",
            "listHistory",
            "What happened to machines, the oldest first: the newest 200, or as the query says",
        )
        .with::<EventQuery>()
        .answers::<Vec<MachineEvent>>(),
        Operation {
            answer: Answer::Events,
            ..row("GET", "/events", "followEvents", "Every change of every machine, as it happens")
        },
    ]
}

pub fn power() -> Vec<Operation> {
    let of = |method, what, id, summary| row(method, &format!("/machines/{{reference}}/{what}"), id, summary);
    vec![
        of("GET", "power", "readPower", "The power of a machine, read now").answers::<MachinePower>(),
        of("POST", "power", "switchPower", "Switch a machine on or off, or cycle it")
            .takes::<PowerOrder>()
            .answers::<Machine>(),
        of("POST", "identify", "identifyMachine", "Light a machine's identify light, or put it out")
            .takes::<Identify>(),
        Operation {
            answer: Answer::Upgrade,
            ..of("POST", "console", "openConsole", "Have a machine's serial console; asks for an upgrade")
                .with::<ConsoleQuery>()
        },
        of("GET", "sensors", "readSensors", "What a machine's BMC measures").answers::<Vec<Sensor>>(),
        of("GET", "bmc-log", "readBmcLog", "What a machine's BMC has logged").answers::<Vec<BmcLogEntry>>(),
        of(
            "GET",
            "bmc-hardware",
            "readBmcHardware",
            "A machine's parts and its draw, as its BMC knows them now",
        )
        .answers::<Hardware>(),
        of("GET", "bmc-media", "showBmcMedia", "What lies in a BMC's virtual drives")
            .answers::<Vec<VirtualDrive>>(),
        of(
            "POST",
            "bmc-media",
            "insertBmcMedia",
            "Have an image from an address lie in a BMC's virtual drive for CDs",
        )
        .takes::<MediaOrder>()
        .answers::<Vec<VirtualDrive>>(),
        of("DELETE", "bmc-media", "ejectBmcMedia", "Take out what lies in a BMC's virtual drive for CDs"),
        of(
            "POST",
            "bmc-update",
            "updateFirmware",
            "Have a BMC fetch firmware from an address and write it; `showBmc` says how far it is",
        )
        .takes::<UpdateOrder>()
        .answers::<FirmwareUpdate>(),
        of("POST", "bmc-reset", "resetBmc", "Restart a BMC, not its machine"),
        of("GET", "bmc", "showBmc", "How a machine's power is switched, and the BMC that its agent found")
            .answers::<BmcView>(),
        of("PUT", "bmc", "setBmc", "Say how a machine's power is switched, or adopt the BMC that was found")
            .takes::<BmcSettings>()
            .answers::<BmcView>(),
        of("DELETE", "bmc", "forgetBmc", "Forget what switches a machine"),
        of("POST", "accept-certificate", "acceptCertificate", "Pin what a BMC presents next")
            .answers::<BmcView>(),
        row("GET", "/bmcs", "listBmcs", "BMCs in use and found, page by page")
            .with::<Paging>()
            .answers::<Page<BmcView>>(),
        row("GET", "/power/groups", "listPowerGroups", "The groups in which a site is switched on, in order")
            .answers::<Vec<GroupView>>(),
    ]
}
