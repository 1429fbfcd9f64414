//! iPXE scripts as text. Every one ends in retry with backoff, then reboot: nobody is there to press a key.

use std::fmt::Write;

use api::facts::Identity;
use api::id::Mac;
use api::routes::boot;

use super::plan::{Answer, OwnDisk};

/// What is rendered into the scripts.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    pub mac: Mac,
    /// `http://ADDRESS:PORT` as this machine reaches it.
    pub http: &'a str,
    /// `https://ADDRESS:PORT`.
    pub https: &'a str,
    /// SHA-256 of the CA's certificate (DER), hex.
    pub ca_sha256: &'a str,
    /// Seconds since 1970.
    pub now_s: i64,
    /// Kernel consoles, the main one last.
    pub consoles: &'a [String],
    /// The profile's own.
    pub kernel_arguments: &'a [String],
    /// The iPXE that asks, from its User-Agent: `1.21.1+git…`; None when it does not say.
    pub version: Option<&'a str>,
}

/// Older iPXE do not know `sanboot --uuid`; they load a newer one first.
const UUID_SINCE: (u32, u32) = (1, 21);

pub fn render(answer: &Answer, facts: &Facts<'_>) -> String {
    let body = match answer {
        Answer::Agent => agent(facts),
        Answer::OwnDisk(disk) => own_disk(disk, facts),
        Answer::Hold { why } => hold(why),
    };
    let ask = format!("{}{}", facts.http, boot::script(facts.mac));
    format!("#!ipxe\nset ask {ask}\n{body}{}", retry())
}

/// For a loader that runs it unasked: names no machine, so that one text fits all. The loader has the
/// firmware's lease but has not opened the interface yet, so it asks once more.
pub fn autoexec(http: &str) -> String {
    format!(
        "#!ipxe\nset ask {http}/boot/${{net0/mac}}/boot.ipxe\ndhcp || goto retry\nchain --replace ${{ask}} ||\n{}",
        retry()
    )
}

fn agent(facts: &Facts<'_>) -> String {
    let base = format!("{}/boot/{}", facts.http, facts.mac);
    let bootif = facts.mac.to_string().replace(':', "-");
    let mut arguments = format!(
        "initrd=initrd initrd=key metal.server={} metal.boot={} metal.ca={} metal.time={} BOOTIF=01-{bootif} panic=30",
        facts.https, facts.http, facts.ca_sha256, facts.now_s
    );
    for console in facts.consoles {
        let _ = write!(arguments, " console={console}");
    }
    for argument in facts.kernel_arguments {
        let _ = write!(arguments, " {argument}");
    }
    // EFI kernels load initrds by name from the command line; BIOS ones get them in order. Both are served.
    format!(
        "echo metald: loading the agent\n\
         kernel {base}/vmlinuz {arguments} || goto retry\n\
         initrd --name initrd {base}/initrd || goto retry\n\
         initrd --name key {base}/key || goto retry\n\
         boot || goto retry\n"
    )
}

fn own_disk(disk: &OwnDisk, facts: &Facts<'_>) -> String {
    let mut text =
        String::from("echo metald: booting from its own disk\niseq ${platform} efi && goto efi ||\n");
    for drive in &disk.drives {
        let _ = writeln!(text, "sanboot --no-describe --drive {drive:#x} ||");
    }
    text.push_str("goto retry\n:efi\n");
    if facts.version.is_some_and(is_too_old) {
        let newer = boot::image("loaders", "snponly.efi");
        let _ = writeln!(text, "chain {}{newer} || goto retry", facts.http);
        return text;
    }
    let selector = match &disk.esp {
        Some(guid) => format!("--uuid {guid}"),
        // No row remembers a plan (an empty database): any disk that one of our installs marked.
        None => format!("--extra \\{}", Identity::PATH.replace('/', "\\")),
    };
    for drive in 0x80..0x88 {
        let loader = r"\EFI\BOOT\BOOTX64.EFI";
        let _ = writeln!(text, "sanboot --no-describe --drive {drive:#x} --filename {loader} {selector} ||");
    }
    if disk.esp.is_none() {
        // Not installed by us: back to the firmware, whose next entry may be the disk.
        text.push_str("exit 1\n");
    }
    text
}

fn hold(why: &str) -> String {
    // A console is a place too: what is printed there is one line of plain ASCII.
    let why: String = why.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    let why = why.replace(['$', '`'], "'");
    format!("echo metald: on hold: {why}\nsleep 10\nchain --replace ${{ask}} || goto retry\n")
}

/// Asks again a few times, more slowly each time, then reboots: a machine that came back from a dead loader
/// or a dead network starts from its firmware.
fn retry() -> &'static str {
    // What was loaded before something failed would travel along as one more initrd.
    ":retry\n\
     imgfree ||\n\
     set tries:int32 0\n\
     :again\n\
     inc tries\n\
     echo metald: no boot yet, asking again (${tries})\n\
     sleep 5\n\
     dhcp ||\n\
     chain --replace ${ask} ||\n\
     iseq ${tries} 1 && goto again ||\n\
     sleep 15\n\
     iseq ${tries} 2 && goto again ||\n\
     sleep 30\n\
     iseq ${tries} 3 && goto again ||\n\
     reboot\n"
}

fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version < UUID_SINCE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(consoles: &'a [String], version: Option<&'a str>) -> Facts<'a> {
        Facts {
            mac: Mac([0x52, 0x54, 0, 0, 0, 1]),
            http: "http://10.77.0.1:8080",
            https: "https://10.77.0.1:8443",
            ca_sha256: "abcd",
            now_s: 1_790_000_000,
            consoles,
            kernel_arguments: &[],
            version,
        }
    }

    fn golden(name: &str, text: &str) {
        let path = format!("{}/../tests/data/boot/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, expected, "{path} differs: UPDATE_GOLDEN=1 refreshes it, then read it");
    }

    #[test]
    fn whole_scripts() {
        let consoles = ["tty0".to_string(), "ttyS0,115200n8".to_string()];
        let new = facts(&consoles, Some("1.21.1+git-20250501"));
        let own = ["nomodeset".to_string()];
        golden("agent.ipxe", &render(&Answer::Agent, &Facts { kernel_arguments: &own, ..new.clone() }));
        let installed =
            OwnDisk { esp: Some("0f0e0d0c-0000-4000-8000-000000000001".into()), drives: vec![0x80, 0x81] };
        golden("own-disk.ipxe", &render(&Answer::OwnDisk(installed.clone()), &new));
        let old = facts(&consoles, Some("1.0.0+git-20190125.36a4c85-5.1"));
        golden("own-disk-old-ipxe.ipxe", &render(&Answer::OwnDisk(installed), &old));
        let unknown = OwnDisk { esp: None, drives: vec![0x80] };
        golden("own-disk-unknown.ipxe", &render(&Answer::OwnDisk(unknown), &new));
        golden(
            "hold.ipxe",
            &render(&Answer::Hold { why: "waits for `approve` — ${evil}\nreboot".into() }, &new),
        );
        golden("autoexec.ipxe", &autoexec("http://10.77.0.1:8080"));
    }

    #[test]
    fn every_script_ends_in_retry_and_reboot() {
        let answer = Answer::Hold { why: "x".into() };
        assert!(render(&answer, &facts(&[], None)).ends_with(retry()));
        assert!(retry().trim_end().ends_with("reboot"));
    }

    #[test]
    fn age_is_read_from_the_version() {
        assert!(is_too_old("1.0.0+git-20190125.36a4c85-5.1"));
        assert!(!is_too_old("1.21.1+git20250501"));
        assert!(!is_too_old("2.0.0"));
    }
}
