//! What can be called below `/api/v1`: a row an operation, with what it takes and answers.

use api::bmc::{LogEntry as BmcLogEntry, Sensor};
use api::cluster::{
    Cluster, ClusterAccess, ClusterDetail, ClusterTaskView, Grant, Identity, KubeconfigAnswer,
    KubeconfigRequest, Retyped,
};
use api::console::ConsoleQuery;
use api::image::{FileCheck, Manifest};
use api::import::{ImportQuery, ImportRow, Imported};
use api::label::LabelChange;
use api::lease::LeaseView;
use api::machine::{
    Allowed, Erasure, EventQuery, LogEntry, Machine, MachineDetail, MachineEvent, Page, Paging,
    ProfileSettings, ProfileView, Reservation, Why,
};
use api::order::{Order, Verb};
use api::power::{BmcSettings, BmcView, GroupView, Identify, MachinePower, PowerOrder};
use api::site::{SiteApplied, SiteText};
use api::tombstone::Tombstone;
use api::user::{AuditEntry, AuditQuery, Issued, NewUser, Role, User};
use api::who::{MergeInto, Rename, Split};
use api::wipe::{WipePreview, WipeQuery};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use server::http::roles::{Least, least};

pub struct Operation {
    pub method: &'static str,
    /// With the verb in its place.
    pub path: String,
    /// What client generators name it by.
    pub id: &'static str,
    pub summary: &'static str,
    pub role: Role,
    pub query: Option<Type>,
    pub body: Body,
    pub answer: Answer,
}

#[derive(Clone, Copy)]
pub enum Body {
    None,
    Json(Type),
    /// May be left out.
    Optional(Type),
    Text,
    Bytes,
}

#[derive(Clone, Copy)]
pub enum Answer {
    Json(Type),
    /// 204.
    Nothing,
    Events,
    /// 101: the connection is something else from then on.
    Upgrade,
    /// This description.
    Description,
}

/// A wire type: its schema, and how serde reads it and writes it again.
#[derive(Clone, Copy)]
pub struct Type {
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    pub again: fn(Value) -> Result<Value, serde_json::Error>,
}

impl Type {
    pub fn of<T: JsonSchema + Serialize + DeserializeOwned>() -> Type {
        let again = |value| serde_json::to_value(serde_json::from_value::<T>(value)?);
        Type { schema: |generator| generator.subschema_for::<T>(), again }
    }
}

impl Operation {
    fn with<Q: JsonSchema + Serialize + DeserializeOwned>(self) -> Operation {
        Operation { query: Some(Type::of::<Q>()), ..self }
    }

    fn takes<B: JsonSchema + Serialize + DeserializeOwned>(self) -> Operation {
        Operation { body: Body::Json(Type::of::<B>()), ..self }
    }

    fn answers<A: JsonSchema + Serialize + DeserializeOwned>(self) -> Operation {
        Operation { answer: Answer::Json(Type::of::<A>()), ..self }
    }
}

/// One that takes nothing and answers nothing.
fn row(method: &'static str, path: &str, id: &'static str, summary: &'static str) -> Operation {
    let path = format!("/api/v1{path}");
    let (before, last) = path.rsplit_once('/').unwrap_or_default();
    let verb = last.parse::<Verb>().is_ok() && before.ends_with("{reference}");
    let least = match verb {
        true => least(method, &format!("{before}/{{verb}}"), Some(last)),
        false => least(method, &path, None),
    };
    let Least::With(role) = least else { panic!("{method} {path} is for anyone") };
    Operation { method, path, id, summary, role, query: None, body: Body::None, answer: Answer::Nothing }
}

pub fn operations() -> Vec<Operation> {
    let verbs = Verb::ALL.into_iter().map(of_verb);
    verbs
        .chain(of_machines())
        .chain(of_power())
        .chain(of_the_rack())
        .chain(of_the_site())
        .chain(of_clusters())
        .collect()
}

/// In the words of `metalctl machine --help`.
fn of_verb(verb: Verb) -> Operation {
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

fn of_power() -> Vec<Operation> {
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

fn of_machines() -> Vec<Operation> {
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

fn of_the_rack() -> Vec<Operation> {
    vec![
        row("GET", "/leases", "listLeases", "Addresses that DHCP gives, page by page, in their order")
            .with::<Paging>()
            .answers::<Page<LeaseView>>(),
        row("GET", "/reservations", "listReservations", "Addresses that operators keep for a card")
            .answers::<Vec<Reservation>>(),
        row(
            "POST",
            "/reservations",
            "reserveAddress",
            "Keep an address for a card, from its next DHCP request on",
        )
        .takes::<Reservation>()
        .answers::<Reservation>(),
        row("DELETE", "/reservations/{mac}", "unreserveAddress", "Keep nothing for a card any more"),
        row("GET", "/images", "listImages", "What machines boot and install").answers::<Vec<Manifest>>(),
        row("GET", "/images/{name}", "showImage", "An image with its files").answers::<Manifest>(),
        row("DELETE", "/images/{name}", "deleteImage", "Delete an image that no profile names"),
        row(
            "POST",
            "/images/{name}/verify",
            "verifyImage",
            "Read all files of an image again and compare them with their digests",
        )
        .answers::<Vec<FileCheck>>(),
        Operation {
            body: Body::Bytes,
            ..row(
                "PUT",
                "/images/{name}/files/{file}",
                "uploadImageFile",
                "Bring a file of an image; it counts once the image is imported",
            )
        },
        row(
            "POST",
            "/images/{name}/import",
            "importImage",
            "Take in the files that were brought, if all are there and are what the manifest says",
        )
        .answers::<Manifest>(),
    ]
}

fn of_the_site() -> Vec<Operation> {
    vec![
        row("GET", "/profiles", "listProfiles", "What machines are made into").answers::<Vec<ProfileView>>(),
        row(
            "GET",
            "/profiles/{name}",
            "showProfile",
            "A profile with all that it leads to, by the names of the site file",
        )
        .answers::<ProfileSettings>(),
        row("GET", "/site", "showSite", "The site file as the server read it").answers::<SiteText>(),
        Operation {
            body: Body::Text,
            ..row(
                "PUT",
                "/site",
                "applySite",
                "Check a site file and put it in the place of the server's, which reads it at its next start",
            )
            .answers::<SiteApplied>()
        },
        row("GET", "/identity", "showIdentity", "Who the token says that one is").answers::<Identity>(),
        row("GET", "/users", "listUsers", "Who has a token").answers::<Vec<User>>(),
        row("POST", "/users", "addUser", "Make a user; the token is told this once")
            .takes::<NewUser>()
            .answers::<Issued>(),
        row("DELETE", "/users/{name}", "revokeUser", "End all tokens and sessions of that name"),
        row("GET", "/audit", "listAudit", "Every call that was meant to change something, newest first")
            .with::<AuditQuery>()
            .answers::<Vec<AuditEntry>>(),
        Operation {
            answer: Answer::Description,
            ..row("GET", "/openapi.json", "showOpenapi", "This description")
        },
    ]
}

fn of_clusters() -> Vec<Operation> {
    vec![
        row("GET", "/clusters", "listClusters", "Clusters of machines").answers::<Vec<Cluster>>(),
        row("GET", "/clusters/{name}", "showCluster", "A cluster with its nodes, tasks and snapshots")
            .answers::<ClusterDetail>(),
        row("POST", "/clusters/{name}/kubeconfig", "mintKubeconfig", "Have a client certificate signed, for no more than one's own role; the key stays with the caller")
            .takes::<KubeconfigRequest>()
            .answers::<KubeconfigAnswer>(),
        row("POST", "/clusters/{name}/snapshot", "snapshotEtcd", "Save etcd; answers with the task that does it")
            .answers::<ClusterTaskView>(),
        row("POST", "/clusters/{name}/reset", "resetCluster", "Forget that the cluster was made")
            .takes::<Retyped>()
            .answers::<Cluster>(),
        row("GET", "/clusters/{name}/adopt", "showGrant", "What an administrator applies to an existing cluster before it is adopted")
            .answers::<Grant>(),
        row("POST", "/clusters/{name}/adopt", "adoptCluster", "Take over a cluster that was made elsewhere")
            .takes::<ClusterAccess>()
            .answers::<Cluster>(),
    ]
}
