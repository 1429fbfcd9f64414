//! What a machine is in its cluster, on the machine's own page.

use api::cluster::{CertificateExpiry, Node};
use api::words;
use askama::Template;

use crate::tone::of_node;
use crate::words::{Since, Until};

#[derive(Template)]
#[template(path = "machine_node.html")]
pub struct NodeCard<'a> {
    node: Option<&'a Node>,
    tone: &'static str,
    ready: String,
    hindrance: String,
    since: Since,
    certificates: Vec<Certificate<'a>>,
}

/// A certificate and how long it lasts.
pub struct Certificate<'a> {
    pub name: &'a str,
    pub until: Until,
    pub tone: &'static str,
}

impl<'a> NodeCard<'a> {
    pub fn of(node: Option<&'a Node>, now: i64) -> NodeCard<'a> {
        let certificates = node.map(|node| node.certificates.as_slice()).unwrap_or_default();
        NodeCard {
            node,
            tone: node.map_or("quiet", of_node),
            ready: node.map(words::ready).unwrap_or_default(),
            hindrance: node.map(words::hindrance).unwrap_or_default(),
            since: Since { at: node.map_or(now, |node| node.since), now },
            certificates: certificates.iter().map(|certificate| Certificate::of(certificate, now)).collect(),
        }
    }
}

impl<'a> Certificate<'a> {
    pub fn of(certificate: &'a CertificateExpiry, now: i64) -> Certificate<'a> {
        Certificate {
            name: &certificate.name,
            until: Until { at: certificate.not_after, now },
            tone: if certificate.ends_soon(now) { "bad" } else { "quiet" },
        }
    }
}
