//! The ports that the server opens, and where one cannot be opened the reason: the process that holds it, by
//! name, pid and unit, from procfs.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Tcp,
    Udp,
}

/// What the server listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    pub what: &'static str,
    pub protocol: Protocol,
    pub address: SocketAddrV4,
}

impl Port {
    pub fn tcp(what: &'static str, address: Ipv4Addr, port: u16) -> Port {
        Port { what, protocol: Protocol::Tcp, address: SocketAddrV4::new(address, port) }
    }

    pub fn udp(what: &'static str, address: Ipv4Addr, port: u16) -> Port {
        Port { what, protocol: Protocol::Udp, address: SocketAddrV4::new(address, port) }
    }

    /// The error with all that an operator needs to end it.
    pub fn refused(&self, error: &io::Error) -> anyhow::Error {
        let Refused { message, hint, .. } = self.explain(error);
        anyhow::anyhow!("{message}; {hint}")
    }

    pub fn explain(&self, error: &io::Error) -> Refused {
        let holder = match error.kind() {
            ErrorKind::AddrInUse => self.holder(),
            _ => None,
        };
        let hint = match (&holder, error.kind()) {
            (Some(holder), _) => holder.hint(),
            (None, ErrorKind::AddrInUse) => {
                "who holds it is not to be seen from here: ask `ss -lnp` as root, and look into containers"
                    .into()
            }
            (None, ErrorKind::AddrNotAvailable) => {
                "no interface of this machine has that address: `ip address` shows them all".into()
            }
            (None, ErrorKind::PermissionDenied) => "run as root, or with CAP_NET_BIND_SERVICE".into(),
            (None, _) => "`metald check` looks at the rest of this machine".into(),
        };
        let message = match &holder {
            Some(holder) => format!("{self} is taken by {holder}"),
            None => format!("{self} cannot be opened: {error}"),
        };
        Refused { message, hint, holder }
    }

    /// The first process found that is in the way.
    fn holder(&self) -> Option<Holder> {
        let (old, new) = match self.protocol {
            Protocol::Tcp => ("/proc/net/tcp", "/proc/net/tcp6"),
            Protocol::Udp => ("/proc/net/udp", "/proc/net/udp6"),
        };
        // A socket on [::] usually takes the port of IPv4, too.
        let tables = [old, new].map(|path| fs::read_to_string(path).unwrap_or_default());
        let found = tables
            .iter()
            .flat_map(|table| table.lines().skip(1))
            .filter_map(|line| inode(line, self.address));
        let sockets: Vec<String> = found.map(|inode| format!("socket:[{inode}]")).collect();
        let processes = fs::read_dir("/proc").ok()?.flatten();
        processes
            .map(|process| process.path())
            .filter(|path| holds(path, &sockets))
            .find_map(|path| Holder::of(&path))
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        };
        write!(f, "{protocol} {} for {}", self.address, self.what)
    }
}

/// Why a port could not be opened.
pub struct Refused {
    pub message: String,
    pub hint: String,
    pub holder: Option<Holder>,
}

/// A process that holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub name: String,
    pub pid: u32,
    /// The service it belongs to.
    unit: Option<String>,
}

impl Holder {
    fn of(process: &Path) -> Option<Holder> {
        let pid = process.file_name()?.to_str()?.parse().ok()?;
        let name = fs::read_to_string(process.join("comm")).ok()?.trim().to_string();
        let unit = fs::read_to_string(process.join("cgroup")).ok().and_then(|text| unit(&text));
        Some(Holder { name, pid, unit })
    }

    fn hint(&self) -> String {
        match &self.unit {
            Some(unit) => format!("`systemctl disable --now {unit}` stops it for good"),
            None => format!("stop it first: `kill {}`", self.pid),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// The last part of a process's cgroup that is a service, such as `dnsmasq.service`.
fn unit(cgroup: &str) -> Option<String> {
    let mut parts = cgroup.trim().split('/').filter(|part| part.ends_with(".service"));
    parts.next_back().map(str::to_string)
}

/// From /proc/net/udp, tcp and their likes for IPv6: the second column is `address:port` in hex, the fourth the
/// state, the tenth the inode. A TCP socket that listens is in state 0A; UDP has 07 for all that are bound.
fn inode(line: &str, wanted: SocketAddrV4) -> Option<&str> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let (address, port) = columns.get(1)?.split_once(':')?;
    let here = u16::from_str_radix(port, 16) == Ok(wanted.port()) && in_the_way(address, *wanted.ip());
    let listens = matches!(*columns.get(3)?, "0A" | "07");
    columns.get(9).copied().filter(|_| here && listens)
}

/// Whether a socket on this address, as procfs writes it, keeps another from binding `wanted`.
fn in_the_way(address: &str, wanted: Ipv4Addr) -> bool {
    // The kernel prints words in its own byte order: 127.0.0.1 is 0100007F.
    let last = &address[address.len().saturating_sub(8)..];
    let Ok(word) = u32::from_str_radix(last, 16) else { return false };
    let mapped = address.len() == 8 || address.starts_with("0000000000000000FFFF0000");
    let any = address.bytes().all(|digit| digit == b'0');
    any || (mapped && (wanted.is_unspecified() || Ipv4Addr::from(word.to_ne_bytes()) == wanted))
}

fn holds(process: &Path, sockets: &[String]) -> bool {
    let Ok(open) = fs::read_dir(process.join("fd")) else { return false };
    open.flatten().any(|fd| {
        fs::read_link(fd.path()).is_ok_and(|target| sockets.iter().any(|socket| target == Path::new(socket)))
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

    /// Opens the port again and returns what is said about it.
    fn refused(port: Port) -> String {
        let error = match port.protocol {
            Protocol::Tcp => TcpListener::bind(port.address).map(drop),
            Protocol::Udp => UdpSocket::bind(port.address).map(drop),
        };
        port.refused(&error.unwrap_err()).to_string()
    }

    #[test]
    fn whoever_holds_a_port_is_named() {
        let own = fs::read_to_string("/proc/self/comm").unwrap();
        let named = format!("taken by {} (pid {})", own.trim(), std::process::id());
        let tcp = TcpListener::bind((LOOPBACK, 0)).unwrap();
        let said = refused(Port::tcp("HTTPS", LOOPBACK, tcp.local_addr().unwrap().port()));
        assert!(said.starts_with("TCP 127.0.0.1:") && said.contains(&named), "{said}");
        let udp = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let said = refused(Port::udp("TFTP", LOOPBACK, udp.local_addr().unwrap().port()));
        assert!(said.contains(" for TFTP is ") && said.contains(&named), "{said}");
        let both = TcpListener::bind("[::]:0").unwrap();
        let said = refused(Port::tcp("HTTP boot", LOOPBACK, both.local_addr().unwrap().port()));
        assert!(said.contains(&named), "{said}");
    }

    #[test]
    fn an_address_that_is_not_here_is_no_taken_port() {
        let said = refused(Port::tcp("HTTPS", Ipv4Addr::new(192, 0, 2, 1), 8443));
        assert!(said.contains("no interface of this machine has that address"), "{said}");
    }

    #[test]
    fn only_a_socket_on_the_same_address_or_on_all_is_in_the_way() {
        let line = |address: &str| format!("  7: {address}:0045 00000000:0000 07 0:0 00:0 0 0 0 4711 2");
        let found = |address: &str, wanted: [u8; 4]| {
            inode(&line(address), SocketAddrV4::new(wanted.into(), 69)).is_some()
        };
        assert!(found("0100007F", [127, 0, 0, 1]) && found("00000000", [127, 0, 0, 1]));
        assert!(found("0100007F", [0, 0, 0, 0]) && !found("0200007F", [127, 0, 0, 1]));
        assert!(found("0000000000000000FFFF00000100007F", [127, 0, 0, 1]));
        assert!(found("00000000000000000000000000000000", [127, 0, 0, 1]));
        assert!(!found("000080FE00000000000000000100007F", [127, 0, 0, 1]), "an address of IPv6 only");
        assert_eq!(inode(&line("0100007F"), SocketAddrV4::new(LOOPBACK, 70)), None);
    }

    #[test]
    fn a_service_is_named_by_its_unit() {
        let holder =
            |unit: Option<&str>| Holder { name: "dnsmasq".into(), pid: 812, unit: unit.map(str::to_string) };
        let service = unit("0::/system.slice/dnsmasq.service\n");
        assert!(holder(service.as_deref()).hint().contains("disable --now dnsmasq.service"));
        assert_eq!(unit("0::/user.slice/user-0.slice/session-1.scope\n"), None);
        assert!(holder(None).hint().contains("kill 812"));
    }
}
