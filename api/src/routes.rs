//! The paths of the HTTP interfaces, in one place for server and callers.

/// Agents, over HTTPS.
pub mod agent {
    pub const ENROLL: &str = "/agent/v1/enroll";
    pub const HELLO: &str = "/agent/v1/hello";
    pub const FACTS: &str = "/agent/v1/facts";
    /// GET, `?wait=SECONDS&boot_id=ID`: 200 with a task, or 204.
    pub const TASK: &str = "/agent/v1/task";
    pub const CERTIFICATE: &str = "/agent/v1/certificate";
    pub const LOG: &str = "/agent/v1/log";
    /// POST, empty: JoinSecrets for a machine in `joining`; 409 with the reason while it is not its turn.
    pub const JOIN: &str = "/agent/v1/join";
    /// PUT ClusterAccess, by the machine that initialises its cluster.
    pub const CLUSTER: &str = "/agent/v1/cluster";
    /// PUT NodeReport.
    pub const NODE: &str = "/agent/v1/node";

    /// POST a Progress: 204, or 409 when the task is no longer wanted and must stop.
    pub fn progress(task: &str) -> String {
        format!("{TASK}/{task}/progress")
    }

    /// PUT a ClusterResult, before the outcome.
    pub fn result(task: &str) -> String {
        format!("{TASK}/{task}/result")
    }

    /// PUT a WipedDisk: 204, or 409 when the wipe is no longer wanted and must stop.
    pub fn wiped(task: &str) -> String {
        format!("{TASK}/{task}/wiped")
    }

    /// PUT the bytes of an etcd snapshot, before the outcome.
    pub fn snapshot(task: &str) -> String {
        format!("{TASK}/{task}/snapshot")
    }

    /// POST an Outcome.
    pub fn outcome(task: &str) -> String {
        format!("{TASK}/{task}/outcome")
    }
}

/// Operators, over HTTPS with a bearer token.
pub mod operator {
    pub const MACHINES: &str = "/api/v1/machines";
    pub const PROFILES: &str = "/api/v1/profiles";
    /// GET: what is still known of deleted machines, newest first.
    pub const TOMBSTONES: &str = "/api/v1/tombstones";
    pub const IMAGES: &str = "/api/v1/images";
    pub const CLUSTERS: &str = "/api/v1/clusters";
    /// GET: an Identity.
    pub const IDENTITY: &str = "/api/v1/identity";
    /// GET: a SiteText; PUT the text of a new one: a SiteApplied, or 422 with a line for each error.
    pub const SITE: &str = "/api/v1/site";
    /// POST ImportRows, `?dry_run=true` only asks: an Imported, or 422 with a line for each problem.
    pub const IMPORT: &str = "/api/v1/import";
    /// GET: a Page of LeaseViews, in the order of their addresses.
    pub const LEASES: &str = "/api/v1/leases";
    /// POST a Reservation, GET all of them.
    pub const RESERVATIONS: &str = "/api/v1/reservations";
    /// GET: MachineEvents, the oldest first; an EventQuery says which.
    pub const HISTORY: &str = "/api/v1/history";
    /// GET: Users; POST a NewUser: an Issued.
    pub const USERS: &str = "/api/v1/users";
    /// GET: AuditEntries, newest first; an AuditQuery narrows it.
    pub const AUDIT: &str = "/api/v1/audit";
    /// Server-sent events: one `machine` event with a Machine for every change.
    pub const EVENTS: &str = "/api/v1/events";
    /// GET: the description of all this, OpenAPI 3.1.
    pub const OPENAPI: &str = "/api/v1/openapi.json";

    /// DELETE: ends all tokens and sessions of that name.
    pub fn user(name: &str) -> String {
        format!("{USERS}/{name}")
    }

    pub fn machine(reference: &str) -> String {
        format!("{MACHINES}/{reference}")
    }

    /// POST an Order: approve, assign, reprovision, retry, hold, release, inspect, rescue, leave, wipe, retire, delete.
    pub fn verb(reference: &str, verb: &str) -> String {
        format!("{MACHINES}/{reference}/{verb}")
    }

    /// GET, `?scope=ours|all|none&erase_foreign=BOOL`: a WipePreview.
    pub fn wipe_preview(reference: &str) -> String {
        format!("{MACHINES}/{reference}/wipe-preview")
    }

    /// POST a MergeInto.
    pub fn merge(reference: &str) -> String {
        format!("{MACHINES}/{reference}/merge")
    }

    /// POST a Split.
    pub fn split(reference: &str) -> String {
        format!("{MACHINES}/{reference}/split")
    }

    /// POST a Rename.
    pub fn rename(reference: &str) -> String {
        format!("{MACHINES}/{reference}/rename")
    }

    /// GET: Page<BmcView>.
    pub const BMCS: &str = "/api/v1/bmcs";
    /// GET: the GroupViews, in their order.
    pub const POWER_GROUPS: &str = "/api/v1/power/groups";

    /// GET: a MachinePower, read now. POST a PowerOrder: the Machine.
    pub fn power(reference: &str) -> String {
        format!("{MACHINES}/{reference}/power")
    }

    /// GET: a BmcView. PUT BmcSettings: a BmcView. DELETE.
    pub fn bmc(reference: &str) -> String {
        format!("{MACHINES}/{reference}/bmc")
    }

    /// POST: the BmcView; what its BMC presents next is pinned.
    pub fn accept_certificate(reference: &str) -> String {
        format!("{MACHINES}/{reference}/accept-certificate")
    }

    /// POST: restarts the BMC itself.
    pub fn bmc_reset(reference: &str) -> String {
        format!("{MACHINES}/{reference}/bmc-reset")
    }

    /// POST an Identify.
    pub fn identify(reference: &str) -> String {
        format!("{MACHINES}/{reference}/identify")
    }

    /// POST with an upgrade to the console's protocol.
    pub fn console(reference: &str) -> String {
        format!("{MACHINES}/{reference}/console")
    }

    /// GET: Sensors.
    pub fn sensors(reference: &str) -> String {
        format!("{MACHINES}/{reference}/sensors")
    }

    /// GET: LogEntries of the BMC.
    pub fn bmc_log(reference: &str) -> String {
        format!("{MACHINES}/{reference}/bmc-log")
    }

    /// GET: the Hardware as the BMC knows it.
    pub fn bmc_hardware(reference: &str) -> String {
        format!("{MACHINES}/{reference}/bmc-hardware")
    }

    /// GET: the VirtualDrives. POST a MediaOrder. DELETE: what lies in the drive for CDs is taken out.
    pub fn bmc_media(reference: &str) -> String {
        format!("{MACHINES}/{reference}/bmc-media")
    }

    /// POST an UpdateOrder: the FirmwareUpdate that was begun. The BmcView says how far it is.
    pub fn bmc_update(reference: &str) -> String {
        format!("{MACHINES}/{reference}/bmc-update")
    }

    /// GET, `?erase_foreign=BOOL`: an Erasure, whose `digest` goes back with the yes.
    pub fn erasure(reference: &str) -> String {
        format!("{MACHINES}/{reference}/erasure")
    }

    pub fn logs(reference: &str) -> String {
        format!("{MACHINES}/{reference}/logs")
    }

    /// GET: a ClusterDetail.
    pub fn cluster(name: &str) -> String {
        format!("{CLUSTERS}/{name}")
    }

    /// POST a KubeconfigRequest: a KubeconfigAnswer.
    pub fn kubeconfig(cluster: &str) -> String {
        format!("{CLUSTERS}/{cluster}/kubeconfig")
    }
    /// GET: a ProfileSettings.
    pub fn profile(name: &str) -> String {
        format!("{PROFILES}/{name}")
    }

    /// GET: a Manifest; DELETE.
    pub fn image(name: &str) -> String {
        format!("{IMAGES}/{name}")
    }

    /// POST: verify answers FileChecks, import takes in the files that were PUT before: a Manifest.
    pub fn image_verb(name: &str, verb: &str) -> String {
        format!("{IMAGES}/{name}/{verb}")
    }

    /// PUT the bytes of a file.
    pub fn image_file(name: &str, file: &str) -> String {
        format!("{IMAGES}/{name}/files/{file}")
    }

    /// POST a LabelChange: the Machine.
    pub fn labels(reference: &str) -> String {
        format!("{MACHINES}/{reference}/labels")
    }

    /// DELETE.
    pub fn reservation(mac: crate::id::Mac) -> String {
        format!("{RESERVATIONS}/{mac}")
    }

    /// POST: reset, snapshot, adopt.
    pub fn cluster_verb(cluster: &str, verb: &str) -> String {
        format!("{CLUSTERS}/{cluster}/{verb}")
    }

    pub fn why(reference: &str) -> String {
        format!("{MACHINES}/{reference}/why")
    }
}

/// Machines that boot, over plain HTTP: everything here is public or verified by digest.
pub mod boot {
    pub const CA: &str = "/ca.pem";

    pub fn script(mac: crate::id::Mac) -> String {
        format!("/boot/{mac}/boot.ipxe")
    }

    /// The boot key, as a cpio archive.
    pub fn key(mac: crate::id::Mac) -> String {
        format!("/boot/{mac}/key")
    }

    pub fn image(image: &str, file: &str) -> String {
        format!("/images/{image}/{file}")
    }
}

/// For Prometheus, with an operator's token.
pub const METRICS: &str = "/metrics";

/// Without a login.
pub const HEALTH: &str = "/healthz";
pub const READY: &str = "/readyz";
