//! The paths of the HTTP interfaces, in one place for server and callers.

/// Agents, over HTTPS.
pub mod agent {
    pub const ENROLL: &str = "/agent/v1/enroll";
    pub const HELLO: &str = "/agent/v1/hello";
    pub const FACTS: &str = "/agent/v1/facts";
    /// GET, `?wait=SECONDS`: 200 with a task, or 204.
    pub const TASK: &str = "/agent/v1/task";
    pub const CERTIFICATE: &str = "/agent/v1/certificate";
    pub const LOG: &str = "/agent/v1/log";

    /// POST a Progress: 204, or 409 when the task is no longer wanted and must stop.
    pub fn progress(task: &str) -> String {
        format!("{TASK}/{task}/progress")
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
    pub const IMAGES: &str = "/api/v1/images";
    /// Server-sent events: one `machine` event with a Machine for every change.
    pub const EVENTS: &str = "/api/v1/events";

    pub fn machine(reference: &str) -> String {
        format!("{MACHINES}/{reference}")
    }

    /// POST: approve, reprovision, retry, hold, release.
    pub fn verb(reference: &str, verb: &str) -> String {
        format!("{MACHINES}/{reference}/{verb}")
    }

    pub fn erasure(reference: &str) -> String {
        format!("{MACHINES}/{reference}/erasure")
    }

    pub fn logs(reference: &str) -> String {
        format!("{MACHINES}/{reference}/logs")
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

    pub fn image(image: &str, file: &str) -> String {
        format!("/images/{image}/{file}")
    }
}

/// Without a login.
pub const HEALTH: &str = "/healthz";
pub const READY: &str = "/readyz";
