//! Reads what the checks judge: from /proc and /sys, and from containerd and kubeadm.

use std::fs;
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

use api::cluster::JoinOrder;

use super::checks::{self, Found};
use super::{containers, documents, hosts, prepare};
use crate::report::Report;
use crate::session::Server;
use crate::sysfs::Tree;
use crate::{boot_server, command};

/// A control plane that restarts, or an address that moves to another one, is away for a while.
const ENDPOINT_PATIENCE: Duration = Duration::from_secs(300);

/// This clock minus the server's.
pub async fn clock_error(server: &Server) -> Option<i64> {
    let contact = boot_server::first_contact(&server.boot, &server.ca_sha256).await;
    contact.ok().map(|contact| contact.clock_error_ms)
}

/// Takes seconds, and minutes where the endpoint is away.
pub fn look(order: &JoinOrder, clock_error_ms: Option<i64>, report: &Report) -> Found {
    let tree = Tree::new("/");
    let runtime = containers::answers().err().map(|error| format!("{error:#}"));
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let ports = checks::ports(order, documents::api_server_port(order));
    Found {
        swaps: swaps(&fs::read_to_string("/proc/swaps").unwrap_or_default()),
        swap_in_fstab: swap_in_fstab(&fs::read_to_string("/etc/fstab").unwrap_or_default()),
        modules_missing: prepare::modules_missing(&tree),
        sysctls_wrong: prepare::sysctls_wrong(&tree),
        cgroup_v2: tree.exists("sys/fs/cgroup/cgroup.controllers"),
        systemd_driver: runtime.is_none() && containers::systemd_driver(),
        images_missing: if runtime.is_none() { containers::images_missing(&tree) } else { vec![] },
        runtime,
        clock_error_ms,
        resolves_to: resolves_to(&hosts, order.node.as_str()),
        has_address: UdpSocket::bind((order.address.as_str(), 0)).is_ok(),
        endpoint: if order.init { None } else { unreachable(&order.endpoint, report) },
        ports_taken: taken(&tree, &ports),
        memory: memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
        cpus: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
        disk: rustix::fs::statvfs("/var").map_or(0, |s| s.f_bavail * s.f_frsize),
        kubeadm: version(),
    }
}

/// Of the kubeadm in this image, such as `v1.36.3`.
pub fn version() -> String {
    command::run("kubeadm", ["version", "-o", "short"]).unwrap_or_default().trim().into()
}

/// The file decides where it names the node; else whatever the system asks.
fn resolves_to(text: &str, name: &str) -> Vec<String> {
    let of_file = hosts::addresses(text, name);
    if !of_file.is_empty() {
        return of_file.into_iter().map(Into::into).collect();
    }
    (name, 0).to_socket_addrs().into_iter().flatten().map(|a| a.ip().to_string()).collect()
}

/// What went wrong last, where no connection came about in time.
fn unreachable(endpoint: &str, report: &Report) -> Option<String> {
    let until = Instant::now() + ENDPOINT_PATIENCE;
    let mut said = false;
    loop {
        let error = match connect(endpoint) {
            Ok(()) => return None,
            Err(error) => error.to_string(),
        };
        if Instant::now() >= until || report.still_wanted().is_err() {
            return Some(error);
        }
        if !said {
            report.phase(&format!("waiting for {endpoint}: {error}"), 0);
            said = true;
        }
        std::thread::sleep(Duration::from_secs(2));
    }
}

fn connect(endpoint: &str) -> std::io::Result<()> {
    let mut last = std::io::Error::other("the name has no address");
    for address in endpoint.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, Duration::from_secs(5)) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn swaps(text: &str) -> Vec<String> {
    text.lines().skip(1).filter_map(|l| l.split_whitespace().next()).map(Into::into).collect()
}

fn swap_in_fstab(text: &str) -> Vec<String> {
    let words = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>());
    let swap = words.filter(|w| w.get(2) == Some(&"swap") && !w[0].starts_with('#'));
    swap.map(|w| w[0].into()).collect()
}

fn memory(text: &str) -> u64 {
    let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn taken(tree: &Tree, ports: &[u16]) -> Vec<(u16, String)> {
    let mut taken: Vec<(u16, String)> = Vec::new();
    for file in ["proc/net/tcp", "proc/net/tcp6"] {
        let text = String::from_utf8_lossy(&tree.bytes(file)).into_owned();
        for (port, inode) in listening(&text) {
            if ports.contains(&port) && !taken.iter().any(|(p, _)| *p == port) {
                taken.push((port, holder(tree, &inode)));
            }
        }
    }
    taken
}

/// Port and inode of each socket that listens (state 0A), of /proc/net/tcp.
fn listening(text: &str) -> Vec<(u16, String)> {
    let parse = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (_, port) = words.get(1)?.rsplit_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        (words.get(3) == Some(&"0A")).then(|| Some((port, (*words.get(9)?).to_string())))?
    };
    text.lines().skip(1).filter_map(parse).collect()
}

/// The program that has a socket open.
fn holder(tree: &Tree, inode: &str) -> String {
    let socket = format!("socket:[{inode}]");
    let processes = tree.list("proc").into_iter().filter(|name| name.bytes().all(|b| b.is_ascii_digit()));
    for process in processes {
        let folder = format!("proc/{process}/fd");
        if tree.list(&folder).iter().any(|fd| tree.link_name(format!("{folder}/{fd}")) == socket) {
            return tree.text(format!("proc/{process}/comm"));
        }
    }
    "a process that is gone".into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn swap_is_seen_now_and_after_a_reboot() {
        let text = "Filename\tType\tSize\tUsed\tPriority\n/dev/vda4 partition 1048572 0 -2\n";
        assert_eq!(swaps(text), ["/dev/vda4"]);
        let fstab = "UUID=a / ext4 defaults 0 1\n#UUID=b none swap sw 0 0\nUUID=c none swap sw 0 0\n\n";
        assert_eq!(swap_in_fstab(fstab), ["UUID=c"]);
        assert_eq!(memory("MemTotal:        2014852 kB\nMemFree: 1 kB\n"), 2_014_852 * 1024);
    }

    #[test]
    fn a_port_is_taken_by_a_program_with_a_name() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = taken(&Tree::new("/"), &[port]);
        assert_eq!(taken[0].0, port);
        assert!(!taken[0].1.contains("gone"), "{taken:?}");
        assert!(connect(&format!("127.0.0.1:{port}")).is_ok());
        // Not the port of a listener that was just closed: a child of another test may hold its socket for a moment.
        assert!(connect("127.0.0.1:1").unwrap_err().to_string().contains("refused"));
    }

    #[test]
    fn only_listening_sockets_count() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 00000000:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0\n   \
             1: 0100007F:280A 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 12346 1 0\n";
        assert_eq!(listening(text), [(6443, "12345".to_string())]);
    }
}
