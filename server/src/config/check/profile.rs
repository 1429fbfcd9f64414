//! Profiles: what they name is there, who may log in is a key, and the disk rule can be met.

use api::state::State;

use super::{Findings, LABEL_HINT, back_to_ram, is_label, one_of};
use crate::config::{Profile, Site};

pub fn profile(site: &Site, profile: &Profile, found: &mut Findings) {
    let path = format!("profile.{}", profile.name);
    if !is_label(&profile.name) {
        found.error(&path, format!("`{}` is not a profile name", profile.name), LABEL_HINT);
    }
    disk(site, profile, &path, found);
    keys(&profile.authorized_keys, &format!("{path}.authorized_keys"), found);
    consoles(&profile.consoles, &format!("{path}.consoles"), found);
    kernel_arguments(&profile.kernel_arguments, &format!("{path}.kernel_arguments"), found);
    if let Some(patience) = profile.back_to_ram {
        back_to_ram(&format!("{path}.back_to_ram"), patience, found);
    }
    for state in profile.deadlines.keys() {
        if matches!(state, State::Available | State::Active | State::Rescue | State::Retired | State::Failed)
        {
            let message = format!("a machine may be `{state}` for ever, so the deadline has no effect");
            found.warning(&format!("{path}.deadlines.{state}"), message, "leave it out");
        }
    }
}

fn disk(site: &Site, profile: &Profile, path: &str, found: &mut Findings) {
    let Some(layout) = site.layouts.get(&profile.layout) else {
        let names: Vec<&str> = site.layouts.keys().map(String::as_str).collect();
        let message =
            format!("profile `{}` wants the layout `{}`, which is not there", profile.name, profile.layout);
        return found.error(&format!("{path}.layout"), message, &one_of("layout", &names));
    };
    let rule = &profile.disk;
    let needed = crate::freeze::smallest_disk(layout);
    let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64);
    if rule.min_size.zip(rule.max_size).is_some_and(|(min, max)| min > max) {
        let message = "no disk is larger than min_size and smaller than max_size".into();
        found.error(&format!("{path}.disk.min_size"), message, "swap them");
    }
    if let Some(max) = rule.max_size.filter(|max| *max < needed) {
        let message = format!("layout `{}` needs {}, max_size is {}", profile.layout, gib(needed), gib(max));
        found.error(&format!("{path}.disk.max_size"), message, "no disk of this rule can hold it");
    }
    if let Some(min) = rule.min_size.filter(|min| *min < needed) {
        let message = format!("layout `{}` needs {}, min_size is {}", profile.layout, gib(needed), gib(min));
        let hint = "the smallest disk of the rule is taken: raise min_size, so that it holds the layout";
        found.warning(&format!("{path}.disk.min_size"), message, hint);
    }
}

fn keys(keys: &[String], path: &str, found: &mut Findings) {
    if keys.is_empty() {
        let hint = "add the text of an id_ed25519.pub to authorized_keys";
        found.warning(path, "nobody can log in to machines of this profile".into(), hint);
    }
    for (i, key) in keys.iter().enumerate() {
        let path = format!("{path}.{i}");
        if key.contains("PRIVATE KEY") {
            let hint = "remove it here, and make a new pair: whoever read this file has the old one";
            found.error(&path, "this is a private key".into(), hint);
        } else if !is_public_key(key) {
            let begin: String = key.chars().take(24).collect();
            let hint = "the one line of an id_ed25519.pub: `ssh-ed25519 AAAA… you@host`";
            found.error(&path, format!("`{begin}…` is no SSH public key"), hint);
        }
    }
}

/// One line of authorized_keys (sshd(8)): options, perhaps, then a type, a base64 blob that begins with
/// the length of that type, and a comment.
fn is_public_key(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    let is_type =
        |word: &&str| word.starts_with("ssh-") || word.starts_with("ecdsa-sha2-") || word.starts_with("sk-");
    let Some(at) = words.iter().position(is_type) else { return false };
    let blob = words.get(at + 1).copied().unwrap_or_default();
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    !line.chars().any(char::is_control)
        && blob.starts_with("AAAA")
        && blob.len() >= 64
        && blob.len().is_multiple_of(4)
        && blob.bytes().all(base64)
}

fn consoles(consoles: &[String], path: &str, found: &mut Findings) {
    if consoles.is_empty() {
        let message = "without a console the kernel picks one, and its messages may be seen nowhere".into();
        found.warning(path, message, "consoles = [\"ttyS0,115200n8\", \"tty0\"]");
    }
    for (i, console) in consoles.iter().enumerate() {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b',';
        let known = ["tty", "hvc", "xvc"].iter().any(|prefix| console.starts_with(prefix));
        if !known || !console.bytes().all(plain) {
            let message = format!("`{console}` is not a console");
            found.error(&format!("{path}.{i}"), message, "such as ttyS0,115200n8 or tty0");
        }
    }
}

/// What metald says to a kernel itself; the last of two would win.
const OURS: [(&str, &str); 6] = [
    ("console", "name it in consoles"),
    ("root", "leave it out: the layout says where the root is"),
    ("ro", "leave it out: systemd remounts the root as fstab says"),
    ("initrd", "leave it out: the image names its initrd"),
    ("panic", "leave it out: a kernel that panics restarts after 30 s"),
    ("BOOTIF", "leave it out: it names the interface that booted"),
];

fn kernel_arguments(arguments: &[String], path: &str, found: &mut Findings) {
    for (i, argument) in arguments.iter().enumerate() {
        let path = format!("{path}.{i}");
        let name = argument.split('=').next().unwrap_or_default();
        // iPXE and GRUB each have their own quotes and variables; what is plain means the same to both.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.,:=/+@%".contains(&b);
        if name.is_empty() || !argument.bytes().all(plain) {
            let message = format!("`{argument}` is no kernel argument");
            found.error(&path, message, "one word an entry, such as \"nomodeset\" or \"iommu=pt\"");
        } else if let Some((_, hint)) = OURS.iter().find(|(ours, _)| *ours == name) {
            found.error(&path, format!("metald says `{name}` to the kernel itself"), hint);
        } else if name.starts_with("metal.") {
            found.error(&path, format!("`{name}` is the agent's own"), "leave it out");
        }
    }
}
