//! `metald init`: a commented site file from what this machine has, for a person to read and change, and the
//! systemd unit that runs the server with it.

mod text;
mod unit;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result};

use crate::config::{Cidr, Range};
use crate::host::{self, Interface};
use text::{HEAD, NETWORK_MORE, NO_INTERFACE, OUTSIDE, TAIL};

/// Writes the site file and, when asked, the systemd unit for it; says what to do next. A file that is there
/// already is never overwritten.
pub fn run(output: &Path, unit: Option<&Path>) -> Result<()> {
    match unit {
        Some(_) if output.exists() => println!("{} is there, and stays as it is.", output.display()),
        _ => write_site(output)?,
    }
    if let Some(path) = unit {
        let program = std::env::current_exe().context("cannot tell where this program lies")?;
        let config = std::path::absolute(output)?;
        write_new(path, &unit::unit(&program, &config))?;
        println!("Wrote {}.", path.display());
    }
    println!("Read it, then `metald check --config {}`.", output.display());
    if unit.is_some() {
        println!("Then `systemctl daemon-reload && systemctl enable --now metald`.");
    }
    Ok(())
}

fn write_site(output: &Path) -> Result<()> {
    let interfaces = host::interfaces()?;
    write_new(output, &site_file(&interfaces, &public_keys()))?;
    println!("Wrote {}.", output.display());
    for interface in &interfaces {
        let served =
            if faces_outside(interface) { "commented out: it has the default route" } else { "served" };
        println!("  {}  {}  {served}", interface.name, interface.address);
    }
    Ok(())
}

fn write_new(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut file = std::fs::File::create_new(path)
        .with_context(|| format!("cannot write {}: remove it, or choose another place", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// Keys that this account logs in with, so that the first installed machine can be reached.
fn public_keys() -> Vec<String> {
    let home = std::env::var_os("HOME").unwrap_or_default();
    let files = ["id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"];
    let read = |file| std::fs::read_to_string(Path::new(&home).join(".ssh").join(file)).ok();
    files.into_iter().filter_map(read).map(|text| text.trim().to_string()).collect()
}

/// Where the default route leaves there is somebody else's network, and often somebody else's DHCP.
fn faces_outside(interface: &Interface) -> bool {
    interface.gateway.is_some()
}

fn site_file(interfaces: &[Interface], keys: &[String]) -> String {
    let mut text = String::from(HEAD);
    if interfaces.is_empty() {
        text += NO_INTERFACE;
    }
    for interface in interfaces {
        text += &network(interface);
    }
    let keys: Vec<String> =
        keys.iter().map(|key| format!("    {},\n", toml::Value::from(key.as_str()))).collect();
    text += &TAIL.replace("KEYS", &keys.concat());
    text
}

fn network(interface: &Interface) -> String {
    let Interface { name, address, gateway } = interface;
    let label: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let mut block = format!(
        "[[network]]\nname = \"{}\"\ninterface = \"{name}\"\naddress = \"{address}\"\n",
        label.trim_matches('-')
    );
    if let Some(pool) = pool(*address, *gateway) {
        let _ = writeln!(block, "pool = [\"{pool}\"]");
    }
    match gateway {
        Some(gateway) => _ = writeln!(block, "router = \"{gateway}\""),
        None => block += "# router = \"…\"                 # without one, machines see this network only\n",
    }
    block += NETWORK_MORE;
    if !faces_outside(interface) {
        return format!("\n{block}");
    }
    let commented: String = block.lines().map(|line| format!("# {line}\n")).collect();
    format!("\n{OUTSIDE}{commented}")
}

/// Four of ten parts of the subnet, from four tenths on: in a /24 that is .102 to .204. The server and
/// the router stay outside, even where they sit in the middle.
fn pool(subnet: Cidr, router: Option<Ipv4Addr>) -> Option<Range> {
    let first = u64::from(u32::from(subnet.subnet()));
    let size = 1 << (32 - subnet.prefix);
    let at = |part: u64| Ipv4Addr::from((first + size * part / 10) as u32);
    let taken =
        |address: Ipv4Addr| address == subnet.address || Some(address) == router || !subnet.is_host(address);
    // The longest run of free addresses between the two.
    let (mut best, mut run): (Option<Range>, Option<Range>) = (None, None);
    for address in (Range { first: at(4), last: at(8) }).addresses().take(4096) {
        run = match run {
            _ if taken(address) => None,
            None => Some(Range { first: address, last: address }),
            Some(run) => Some(Range { last: address, ..run }),
        };
        if run.map(Range::count) > best.map(Range::count) {
            best = run;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Severity, Site};

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Fz1T6dVqZ0yq3Vq8kq0o7mC2yqk0n3mJwq7p6Zc1d \"o\"@example.org";

    fn interface(name: &str, address: &str, gateway: Option<&str>) -> Interface {
        let gateway = gateway.map(|g| g.parse().unwrap());
        Interface { name: name.into(), address: address.parse().unwrap(), gateway }
    }

    #[test]
    fn what_init_writes_passes_the_check() {
        let interfaces = [
            interface("eth0", "192.0.2.2/24", Some("192.0.2.1")),
            interface("enp3s0.100", "10.77.0.1/24", None),
        ];
        let text = site_file(&interfaces, &[KEY.into()]);
        let site = Site::parse(&text).unwrap();
        assert_eq!(site.check(), []);
        assert_eq!(site.networks.len(), 1);
        assert_eq!(site.networks[0].name, "enp3s0-100");
        assert_eq!(site.networks[0].pools[0].to_string(), "10.77.0.102-10.77.0.204");
        assert_eq!(site.profiles["standard"].authorized_keys, [KEY]);
    }

    #[test]
    fn every_commented_setting_is_one_that_exists() {
        let text = site_file(&[interface("eth1", "10.77.0.1/24", None)], &[]);
        let setting = |line: &str| {
            let line = line.strip_prefix("# ").unwrap_or(line);
            line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
        };
        let all: String = text
            .lines()
            .filter(|line| setting(line))
            .map(|line| {
                line.strip_prefix("# ").unwrap_or(line).replace("[\"…\"]", "[]").replace('…', "10.77.0.254")
            })
            .map(|line| line + "\n")
            .collect();
        let site = Site::parse(&all.replace("authorized_keys = [\n", "authorized_keys = []\n")).unwrap();
        assert_eq!((site.machines.len(), site.rules.len(), site.reservations.len()), (1, 2, 1), "{all}");
        assert_eq!((site.webhooks.len(), site.bmcs.len(), site.power.group.len()), (1, 1, 2), "{all}");
        assert_eq!(site.machines[0].bmc_set.as_deref(), Some("supermicro"));
        assert_eq!((site.clusters.len(), site.profiles["standard"].cluster.as_deref()), (1, Some("prod")));
        let errors: Vec<_> = site.check().into_iter().filter(|f| f.severity == Severity::Error).collect();
        assert_eq!(errors, [], "{all}");
    }

    #[test]
    fn without_a_network_the_check_says_what_to_do() {
        let site = Site::parse(&site_file(&[], &[])).unwrap();
        assert!(site.check()[0].message.starts_with("there is no [[network]]"));
    }

    #[test]
    fn a_pool_keeps_clear_of_server_and_router() {
        let pool = |address: &str, router: Option<&str>| {
            pool(address.parse().unwrap(), router.map(|r| r.parse().unwrap())).map(|p| p.to_string())
        };
        assert_eq!(pool("10.0.0.1/24", None).as_deref(), Some("10.0.0.102-10.0.0.204"));
        assert_eq!(pool("10.0.0.120/24", None).as_deref(), Some("10.0.0.121-10.0.0.204"));
        assert_eq!(pool("10.0.0.180/24", Some("10.0.0.190")).as_deref(), Some("10.0.0.102-10.0.0.179"));
        assert_eq!(pool("10.0.0.1/30", None).as_deref(), Some("10.0.0.2-10.0.0.2"));
        assert_eq!(pool("10.0.0.1/8", None).as_deref(), Some("10.102.102.102-10.102.118.101"));
    }
}
