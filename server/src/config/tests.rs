//! Whole site files and all that is said about them.

mod back_to_ram;
mod cluster;
mod power;
mod reference;
mod webhook;

use std::path::Path;

use api::facts::{BootMode, Facts, Firmware, Interface, Memory, Product};
use api::id::Mac;
use api::state::Home;

use super::*;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Fz1T6dVqZ0yq3Vq8kq0o7mC2yqk0n3mJwq7p6Zc1d ops@example.org";

/// A site with one of everything; each test changes one line of it.
fn good() -> String {
    format!(
        r#"name = "lab"
unknown = "enroll"

[server]
state = "/var/lib/metald"
heartbeat = "20s"

[[network]]
name = "boot"
interface = "eth1"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.149", "10.77.0.160-10.77.0.199"]
router = "10.77.0.254"
domain = "rack.example.org"
lease = "1h30m"

[[reservation]]
mac = "52:54:00:00:00:99"
address = "10.77.0.9"

[layout.plain]
root = {{ size = "4G", grow = true }}
[[layout.plain.extra]]
name = "data"
size = "1G"
fs = "ext4"
mount = "/srv"

[profile.web]
image = "debian-12"
layout = "plain"
hostname = "node{{:02}}"
authorized_keys = ["{KEY}"]
[profile.web.disk]
min_size = "8G"
kind = "ssd"
[profile.web.deadlines]
installing = "45m"

[profile.store]
image = "debian-12"
layout = "plain"
hostname = "store{{}}"
authorized_keys = ["{KEY}"]
approve = "person"

[[machine]]
name = "node07"
macs = ["52:54:00:00:00:07"]
serial = "SN-7"
rack = "a"
unit = 7
profile = "store"
address = "10.77.0.7"

[[rule]]
manufacturer = "qemu"
mac = "52:54"
min_memory = "1G"
profile = "web"
"#
    )
}

fn complaints(text: &str) -> Vec<String> {
    let found = match Site::parse(text) {
        Ok(site) => site.check(),
        Err(finding) => vec![finding],
    };
    found.iter().map(|f| f.at(Path::new("site.toml"))).collect()
}

/// The first complaint about the good file with one text replaced.
#[track_caller]
fn complaint(from: &str, to: &str, expected: &str) {
    assert!(good().contains(from), "{from}");
    let found = complaints(&good().replacen(from, to, 1));
    assert_eq!(found.first().map(|f| f.trim_end()), Some(expected.trim_end()), "{found:#?}");
}

#[test]
fn a_good_site_has_nothing_to_complain_about_and_every_default() {
    assert_eq!(complaints(&good()), Vec::<String>::new());
    let site = Site::parse(&good()).unwrap();
    assert_eq!(site.server.images, Path::new("/var/lib/metald/images"));
    assert_eq!(site.server.database, "sqlite:///var/lib/metald/metald.db");
    assert_eq!((site.server.http_port, site.server.https_port), (8080, 8443));
    let network = &site.networks[0];
    assert_eq!(network.ntp, Vec::<std::net::Ipv4Addr>::new());
    assert_eq!(network.lease.as_secs(), 5400);
    assert!(!network.router_advertisements);
    let profile = &site.profiles["web"];
    assert_eq!(profile.consoles, ["ttyS0,115200n8", "tty0"]);
    assert_eq!(profile.approve, Approve::Untouched);
    assert_eq!(profile.deadlines[&State::Installing].as_secs(), 2700);
    assert_eq!(site.back_to_ram(Some(profile)).as_secs(), 900);
    assert_eq!(profile.hostname.name(7).unwrap().as_str(), "node07");
    assert_eq!(profile.hostname.to_string(), "node{:02}");
    assert_eq!(site.layouts["plain"].esp, 512 << 20);
    assert_eq!(site.reserved_for("52:54:00:00:00:99".parse().unwrap()), Some([10, 77, 0, 9].into()));
    assert_eq!(site.reserved_for("52:54:00:00:00:07".parse().unwrap()), Some([10, 77, 0, 7].into()));
}

#[test]
fn what_cannot_be_read_is_named_by_setting_line_and_column() {
    complaint(
        "\"1h30m\"",
        "\"soon\"",
        "error: `network[0].lease`: `soon` is not a length of time such as 90s, 45m, 1h30m or 7d\n  \
         --> site.toml:15:9",
    );
    complaint(
        "hostname = \"node{:02}\"",
        "hostnam = \"x\"",
        "error: `profile.web.hostnam`: unknown field `hostnam`, expected one of `image`, `layout`, `disk`, \
         `authorized_keys`, `hostname`, `consoles`, `kernel_arguments`, `approve`, `deadlines`, `back_to_ram`, \
         `cluster`, `role`, `labels`, `taints`\n  --> site.toml:32:1",
    );
    complaint(
        "\"10.77.0.1/24\"",
        "\"10.77.0.1\"",
        "error: `network[0].address`: `10.77.0.1` is not an address with a prefix, such as 10.77.0.1/24\n  \
         --> site.toml:11:11",
    );
    complaint(
        "size = \"4G\"",
        "size = 4",
        "error: `layout.plain.root.size`: invalid type: integer `4`, expected a string\n  --> site.toml:22:17",
    );
    complaint("[server]", "[server", "error: unclosed table, expected `]`\n  --> site.toml:4:8");
}

#[test]
fn addresses_that_collide_or_lie_outside_are_found() {
    complaint(
        "10.77.0.100-10.77.0.149",
        "10.77.0.1-10.77.0.149",
        "error: the pool 10.77.0.1-10.77.0.149 contains the server's own address, 10.77.0.1\n  \
         --> site.toml:12:9\n  hint: split the pool around it, or move the pool",
    );
    complaint(
        "10.77.0.160-",
        "10.77.0.140-",
        "error: the pool 10.77.0.140-10.77.0.199 overlaps the pool 10.77.0.100-10.77.0.149\n  \
         --> site.toml:12:36\n  hint: every address belongs to one pool: make one range of both",
    );
    complaint(
        "10.77.0.199\"",
        "10.77.1.199\"",
        "error: the pool 10.77.0.160-10.77.1.199 reaches outside the hosts of 10.77.0.1/24\n  \
         --> site.toml:12:36\n  hint: such as 10.77.0.100-10.77.0.199",
    );
    complaint(
        "\"10.77.0.254\"",
        "\"10.78.0.254\"",
        "error: the router 10.78.0.254 is outside the subnet of 10.77.0.1/24, so no machine reaches it\n  \
         --> site.toml:13:10\n  hint: an address such as 10.77.0.254",
    );
    complaint(
        "\"10.77.0.9\"",
        "\"10.78.0.9\"",
        "error: the address 10.78.0.9 of 52:54:00:00:00:99 lies in no network's subnet\n  \
         --> site.toml:19:11\n  hint: take an address of a [[network]]",
    );
    complaint(
        "\"10.77.0.9\"",
        "\"10.77.0.110\"",
        "warning: 10.77.0.110 of 52:54:00:00:00:99 lies in a pool of network `boot`\n  --> site.toml:19:11\n  \
         hint: another machine may hold it already: take an address outside the pool",
    );
    complaint(
        "\"10.77.0.9\"",
        "\"10.77.0.7\"",
        "error: 10.77.0.7 is kept for 52:54:00:00:00:99 and for node07\n  --> site.toml:54:11\n  \
         hint: give each its own address",
    );
    let second = "[[network]]\nname = \"two\"\ninterface = \"eth2\"\naddress = \"10.77.0.2/16\"\n\
                  pool = [\"10.77.9.1-10.77.9.9\"]\n\n[[reservation]]";
    complaint(
        "[[reservation]]",
        second,
        "error: the subnets of 10.77.0.2/16 and 10.77.0.1/24 (network `boot`) overlap\n  --> site.toml:20:11\n  \
         hint: give each network its own subnet",
    );
    complaint(
        "\"1h30m\"",
        "\"30s\"",
        "error: a lease of 30 s ends before a machine has read its hardware\n  --> site.toml:15:9\n  \
         hint: 1h is the default",
    );
}

#[test]
fn profiles_layouts_and_rules_that_cannot_be_met_are_found() {
    complaint(
        "layout = \"plain\"",
        "layout = \"plan\"",
        "error: profile `web` wants the layout `plan`, which is not there\n  --> site.toml:31:10\n  \
         hint: there is the layout `plain`",
    );
    complaint(
        "min_size = \"8G\"",
        "min_size = \"2G\"",
        "warning: layout `plain` needs 5.5 GiB, min_size is 2.0 GiB\n  --> site.toml:35:12\n  \
         hint: the smallest disk of the rule is taken: raise min_size, so that it holds the layout",
    );
    complaint(
        "hostname = \"node",
        "kernel_arguments = [\"nomodeset\", \"a b\"]\nhostname = \"node",
        "error: `a b` is no kernel argument\n  --> site.toml:32:34\n  \
         hint: one word an entry, such as \"nomodeset\" or \"iommu=pt\"",
    );
    complaint(
        "hostname = \"node",
        "kernel_arguments = [\"root=/dev/sda1\"]\nhostname = \"node",
        "error: metald says `root` to the kernel itself\n  --> site.toml:32:21\n  \
         hint: leave it out: the layout says where the root is",
    );
    complaint(
        "ssh-ed25519 AAAA",
        "-----BEGIN OPENSSH PRIVATE KEY----- AAAA",
        "error: this is a private key\n  --> site.toml:33:20\n  \
         hint: remove it here, and make a new pair: whoever read this file has the old one",
    );
    complaint(
        "ssh-ed25519 AAAA",
        "ssh-ed25519 BBBB",
        "error: `ssh-ed25519 BBBBC3NzaC1l…` is no SSH public key\n  --> site.toml:33:20\n  \
         hint: the one line of an id_ed25519.pub: `ssh-ed25519 AAAA… you@host`",
    );
    complaint(
        "mount = \"/srv\"",
        "mount = \"srv data\"",
        "error: `srv data` is not a folder to mount at\n  --> site.toml:27:9\n  \
         hint: write it from the root, such as /var/lib/data",
    );
    complaint(
        "profile = \"web\"",
        "profile = \"wob\"",
        "error: there is no profile `wob`\n  --> site.toml:60:11\n  hint: there is `store`, `web`",
    );
    complaint(
        "[[rule]]",
        "[[rule]]\nprofile = \"web\"\n[[rule]]",
        "warning: rule 2 is never reached: rule 1 matches every machine\n  --> site.toml:58:1\n  \
         hint: put the rule without conditions last",
    );
    let site = Site::parse(&good()).unwrap();
    let missing = site.check_images(&[]);
    assert_eq!(missing.len(), 2);
    assert!(missing[0].at(Path::new("site.toml")).contains("site.toml:30:9"), "{missing:?}");
}

#[test]
fn machines_that_claim_the_same_thing_are_found() {
    let second = |line: &str| format!("[[machine]]\nname = \"node08\"\n{line}\n[[rule]]");
    complaint(
        "[[rule]]",
        &second("macs = [\"52-54-00-00-00-07\"]"),
        "error: `node07` and `node08` both have 52:54:00:00:00:07\n  --> site.toml:58:9\n  \
         hint: only one of them can",
    );
    complaint(
        "[[rule]]",
        &second("serial = \"x\"\nrack = \"a\"\nunit = 7"),
        "error: `node07` and `node08` both have unit 7 of rack a\n  --> site.toml:60:8\n  \
         hint: only one of them can",
    );
    complaint(
        "[[rule]]",
        &second("serial = \"x\"\nrack = \"a\""),
        "error: a rack and a unit make a position, and `node08` has only one of them\n  --> site.toml:56:1\n  \
         hint: write rack = \"a\" and unit = 7, or neither",
    );
    complaint(
        "[[rule]]",
        &second(""),
        "error: nothing tells `node08` from other machines\n  --> site.toml:56:1\n  \
         hint: give it macs or a serial",
    );
}

#[test]
fn no_secret_belongs_into_the_file() {
    for url in ["postgres://metald:hunter2@db/metald", "postgres://db/metald?password=hunter2"] {
        let text = good().replace("[server]", &format!("[server]\ndatabase = \"{url}\""));
        let found = complaints(&text);
        assert!(found[0].starts_with("error: a password does not belong into the site file"), "{found:?}");
        assert!(!found[0].contains("hunter2"));
    }
}

#[test]
fn a_file_that_is_not_there_or_wrong_does_not_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.toml");
    let error = Site::load(&path).unwrap_err().to_string();
    assert!(error.contains("cannot read the site file") && error.contains("metald init"), "{error}");
    std::fs::write(&path, good().replace("10.77.0.254", "10.78.0.254")).unwrap();
    assert_eq!(Site::load(&path).unwrap_err().findings.len(), 1);
    std::fs::write(&path, good()).unwrap();
    assert!(Site::load(&path).is_ok());
}

fn facts(manufacturer: &str, mac: &str, serial: &str) -> Facts {
    let interface = Interface {
        name: "eth0".into(),
        mac: mac.parse().unwrap(),
        pci: String::new(),
        driver: String::new(),
        speed: 0,
        link: true,
        addresses: Vec::new(),
    };
    Facts {
        boot_id: String::new(),
        home: Home::Ram,
        boot_mode: BootMode::Bios,
        secure_boot: None,
        kernel: String::new(),
        firmware: Firmware::default(),
        system: Product { manufacturer: manufacturer.into(), ..Product::default() },
        board: Product { serial: serial.into(), ..Product::default() },
        chassis: Product::default(),
        uuid: None,
        cpus: Vec::new(),
        memory: Memory { total: 2 << 30, modules: Vec::new() },
        disks: Vec::new(),
        interfaces: vec![interface],
        bmc: None,
        clock_error_ms: 0,
    }
}

#[test]
fn a_machine_gets_its_own_profile_else_that_of_the_first_rule() {
    let site = Site::parse(&good()).unwrap();
    let profile = |facts: &Facts, macs: &[Mac]| site.profile_for(facts, macs).map(|p| p.name.as_str());
    assert_eq!(profile(&facts("QEMU", "52:54:00:00:00:01", ""), &[]), Some("web"));
    assert_eq!(profile(&facts("QEMU", "52:54:00:00:00:07", ""), &[]), Some("store"), "by MAC");
    assert_eq!(profile(&facts("QEMU", "52:54:00:00:00:01", "SN-7"), &[]), Some("store"), "by serial");
    assert_eq!(profile(&facts("Dell Inc.", "52:54:00:00:00:01", ""), &[]), None);
    assert_eq!(profile(&facts("QEMU", "00:11:22:00:00:01", ""), &[]), None);
    let known = "52:54:00:00:00:07".parse().unwrap();
    assert_eq!(
        profile(&facts("QEMU", "00:11:22:00:00:01", ""), &[known]),
        Some("store"),
        "an unplugged port"
    );
}
