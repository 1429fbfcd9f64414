//! Sets right on the machine what a node needs and what can be set right, so that the checks find it so: swap off,
//! modules and settings of the kernel now and after a reboot, the clock, the node's own name.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use api::cluster::JoinOrder;

use super::{files, hosts};
use crate::command;
use crate::log::Log;
use crate::sysfs::Tree;

/// With a file that is there when the module is, or is built in.
const MODULES: [(&str, &str); 2] =
    [("overlay", "sys/module/overlay"), ("br_netfilter", "proc/sys/net/bridge/bridge-nf-call-iptables")];

const SYSCTLS: [&str; 3] =
    ["net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"];

/// What fails here, a check will name.
pub fn prepare(order: &JoinOrder, log: &Log) {
    let steps: [(&str, Result<()>); 4] = [
        ("swap", swap_off(log)),
        ("modules", load_modules(Path::new("/"))),
        ("sysctls", set_sysctls(Path::new("/"))),
        ("hostname", name_itself(Path::new("/etc/hosts"), order, log)),
    ];
    for (name, ended) in steps {
        if let Err(error) = ended {
            log.say(format!("{name}: {error:#}"));
        }
    }
}

pub fn modules_missing(tree: &Tree) -> Vec<String> {
    MODULES.iter().filter(|(_, sign)| !tree.exists(sign)).map(|(name, _)| (*name).into()).collect()
}

pub fn sysctls_wrong(tree: &Tree) -> Vec<String> {
    SYSCTLS.iter().filter(|name| !tree.flag(place(name))).map(|name| (*name).into()).collect()
}

/// Also what systemd made of a partition's type without being told: masked, it stays off.
fn swap_off(log: &Log) -> Result<()> {
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    if swaps.lines().count() > 1 {
        command::run("swapoff", ["-a"])?;
        log.say("swap was on and is switched off: kubelets do not start with it");
    }
    let listed = ["list-units", "--type=swap", "--all", "--plain", "--no-legend", "--full"];
    let units = command::run("systemctl", listed)?;
    for unit in units.lines().filter_map(|l| l.split_whitespace().next()).filter(|u| u.ends_with(".swap")) {
        command::run("systemctl", ["mask", "--now", unit])?;
        log.say(format!("{unit} is masked, so that swap stays off after a reboot"));
    }
    Ok(())
}

fn load_modules(root: &Path) -> Result<()> {
    let tree = Tree::new(root);
    for name in modules_missing(&tree) {
        command::run("modprobe", [name])?;
    }
    let folders = ["etc/modules-load.d", "usr/lib/modules-load.d"];
    let unnamed: Vec<&str> = MODULES.iter().map(|m| m.0).filter(|m| !names(&tree, &folders, m)).collect();
    if unnamed.is_empty() {
        return Ok(());
    }
    let text = unnamed.join("\n") + "\n";
    files::replace(&root.join("etc/modules-load.d/metal-node.conf"), 0o644, text.as_bytes())
}

fn set_sysctls(root: &Path) -> Result<()> {
    let tree = Tree::new(root);
    for name in sysctls_wrong(&tree) {
        fs::write(tree.path(place(&name)), "1").with_context(|| format!("cannot set {name}"))?;
    }
    let folders = ["etc/sysctl.d", "usr/lib/sysctl.d"];
    let unnamed: Vec<&str> = SYSCTLS.into_iter().filter(|s| !names(&tree, &folders, s)).collect();
    if unnamed.is_empty() {
        return Ok(());
    }
    let text: String = unnamed.iter().map(|name| format!("{name} = 1\n")).collect();
    files::replace(&root.join("etc/sysctl.d/60-metal-node.conf"), 0o644, text.as_bytes())
}

fn name_itself(path: &Path, order: &JoinOrder, log: &Log) -> Result<()> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let new = hosts::with(&text, order.node.as_str(), &order.address);
    if new != text {
        files::replace(path, 0o644, new.as_bytes())?;
        log.say(format!("{} now means {} on this machine", order.node, order.address));
    }
    Ok(())
}

/// Whether a file of these folders begins a line with the word.
fn names(tree: &Tree, folders: &[&str], word: &str) -> bool {
    folders.iter().any(|folder| {
        let files = tree.list(folder).into_iter().filter(|name| name.ends_with(".conf"));
        files.map(|name| tree.bytes(format!("{folder}/{name}"))).any(|bytes| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            text.lines().any(|line| line.split([' ', '=']).next() == Some(word))
        })
    })
}

fn place(sysctl: &str) -> String {
    format!("proc/sys/{}", sysctl.replace('.', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn settings_are_made_now_and_for_the_next_boot_unless_the_image_has_them() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for name in SYSCTLS {
            write(root, &place(name), "0\n");
        }
        write(root, "usr/lib/sysctl.d/50.conf", "net.ipv4.ip_forward = 1\n");
        set_sysctls(root).unwrap();
        assert_eq!(sysctls_wrong(&Tree::new(root)), [""; 0]);
        let ours = fs::read_to_string(root.join("etc/sysctl.d/60-metal-node.conf")).unwrap();
        assert_eq!(ours, "net.bridge.bridge-nf-call-iptables = 1\nnet.bridge.bridge-nf-call-ip6tables = 1\n");
        fs::create_dir_all(root.join("sys/module/overlay")).unwrap();
        write(root, "etc/modules-load.d/image.conf", "overlay\nbr_netfilter\n");
        load_modules(root).unwrap();
        assert!(!root.join("etc/modules-load.d/metal-node.conf").exists());
    }
}
