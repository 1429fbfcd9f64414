//! What can be called below `/api/v1`: a row an operation, with what it takes and answers.

mod machines;

use api::cluster::{
    Cluster, ClusterAccess, ClusterDetail, ClusterTaskView, Grant, Identity, KubeconfigAnswer,
    KubeconfigRequest, Retyped,
};
use api::image::{FileCheck, Manifest};
use api::lease::LeaseView;
use api::machine::{Page, Paging, ProfileSettings, ProfileView, Reservation};
use api::order::Verb;
use api::site::{SiteApplied, SiteText};
use api::user::{AuditEntry, AuditQuery, Issued, NewUser, User};

use crate::operation::{Answer, Body, Operation, row};

pub fn operations() -> Vec<Operation> {
    let verbs = Verb::ALL.into_iter().map(machines::verb);
    verbs
        .chain(machines::machines())
        .chain(machines::power())
        .chain(of_the_rack())
        .chain(of_the_site())
        .chain(of_clusters())
        .collect()
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
