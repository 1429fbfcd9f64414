//! `metald check`: says like a compiler what is wrong with a site file, and with this machine for it.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::ExitCode;

use api::image::{ImageKind, Manifest};
use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::config::{Finding, Server, Severity, Site};
use crate::dhcp::link;
use crate::dhcp::packet::SERVER_PORT;
use crate::images::{Catalogue, Images};
use crate::ports::{Port, Refused};
use crate::{host, tftp};

/// Prints all findings; fails when one of them is an error.
pub fn run(path: &Path) -> ExitCode {
    let findings = match Site::read(path) {
        Ok(site) => [site.check(), host_findings(&site)].concat(),
        Err(finding) => vec![finding],
    };
    for finding in &findings {
        println!("{}", finding.at(path));
    }
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    println!("{}: errors: {errors}, warnings: {warnings}", path.display());
    if errors > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What this machine lacks for the site.
fn host_findings(site: &Site) -> Vec<Finding> {
    let catalogue = Images::load(&site.server.images).current();
    let mut findings = interfaces(site);
    findings.extend(ports(site));
    findings.extend(state_folder(site));
    findings.extend(images(site, &catalogue));
    findings
}

fn interfaces(site: &Site) -> Vec<Finding> {
    let found = match host::interfaces() {
        Ok(found) => found,
        Err(error) => {
            let hint = "the networks were not compared with this machine";
            return vec![site.finding(Severity::Warning, "network", format!("{error:#}"), hint)];
        }
    };
    let mut findings = Vec::new();
    for (i, network) in site.networks.iter().enumerate() {
        let addresses: Vec<_> =
            found.iter().filter(|f| f.name == network.interface).map(|f| f.address).collect();
        let (setting, message) = match addresses.as_slice() {
            [] => (
                "interface",
                format!("this machine has no interface `{}` with an address", network.interface),
            ),
            all if all.contains(&network.address) => continue,
            [has, ..] => ("address", format!("`{}` has {has}, not {}", network.interface, network.address)),
        };
        let hint = format!("ip address add {} dev {}", network.address, network.interface);
        findings.push(site.finding(Severity::Error, &format!("network.{i}.{setting}"), message, &hint));
    }
    findings
}

/// Every port that the server opens, tried for a moment.
fn ports(site: &Site) -> Vec<Finding> {
    let Server { http_port, https_port, .. } = site.server;
    let mut findings = Vec::new();
    let mut find = |path: &str, port: Port, tried: io::Result<()>| {
        findings.extend(tried.err().and_then(|error| refused(site, path, &port, &error)));
    };
    let tcp = |port: &Port| TcpListener::bind(port.address).map(drop);
    let loopback = Port::tcp("HTTPS", Ipv4Addr::LOCALHOST, https_port);
    find("server.https_port", loopback, tcp(&loopback));
    for (i, network) in site.networks.iter().enumerate() {
        let (path, address) = (format!("network.{i}.address"), network.address.address);
        let dhcp = Port::udp("DHCP", Ipv4Addr::UNSPECIFIED, SERVER_PORT);
        find(&format!("network.{i}.interface"), dhcp, link::bind(&network.interface).map(drop));
        let tftp = Port::udp("TFTP", address, tftp::serve::PORT);
        find(&path, tftp, UdpSocket::bind(tftp.address).map(drop));
        for (setting, what, number) in
            [("http_port", "HTTP boot", http_port), ("https_port", "HTTPS", https_port)]
        {
            let port = Port::tcp(what, address, number);
            find(&format!("server.{setting}"), port, tcp(&port));
        }
    }
    findings
}

fn refused(site: &Site, path: &str, port: &Port, error: &io::Error) -> Option<Finding> {
    let Refused { message, hint, holder } = port.explain(error);
    match error.kind() {
        // A missing address or interface was told of already.
        ErrorKind::AddrNotAvailable => return None,
        _ if error.raw_os_error() == Some(Errno::NODEV.raw_os_error()) => return None,
        // A running server is not in its own way.
        _ if holder.is_some_and(|holder| holder.name == "metald") => return None,
        ErrorKind::PermissionDenied => {
            return Some(site.finding(Severity::Warning, path, message, "run the check as root to try it"));
        }
        _ => {}
    }
    Some(site.finding(Severity::Error, path, message, &hint))
}

fn state_folder(site: &Site) -> Option<Finding> {
    let state = &site.server.state;
    // The server makes it at its first start, so the nearest folder that is there has to let it.
    let there = state.ancestors().find(|folder| folder.exists())?;
    let error = access(there, Access::WRITE_OK | Access::EXEC_OK).err()?;
    let message = format!("{} cannot be written: {error}", there.display());
    let hint = format!("the server keeps its database and keys in {}", state.display());
    Some(site.finding(Severity::Error, "server.state", message, &hint))
}

fn images(site: &Site, catalogue: &Catalogue) -> Vec<Finding> {
    let path = "server.images";
    let mut findings = Vec::new();
    for broken in &catalogue.broken {
        let hint = format!("`{}` is left out, and what else is there is served", broken.name);
        findings.push(site.finding(Severity::Warning, path, broken.reason.clone(), &hint));
    }
    let of_kind = |kind| catalogue.all().filter(move |manifest: &&Manifest| manifest.kind == kind);
    for (kind, what) in [(ImageKind::Ram, "RAM image"), (ImageKind::Loaders, "loaders")] {
        if of_kind(kind).next().is_none() {
            let message =
                format!("no {what} in {}: no machine can boot the agent", site.server.images.display());
            let hint = "images/build makes them; copy its folders there, or `metalctl image import` each";
            findings.push(site.finding(Severity::Error, path, message, hint));
        }
    }
    let systems: Vec<&Manifest> = of_kind(ImageKind::Os).collect();
    findings.extend(site.check_images(&systems));
    findings
}
