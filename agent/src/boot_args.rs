//! What the boot script tells the agent in RAM, on the kernel's command line. Pure: text in, values out.

use anyhow::{Context, Result};
use api::id::Mac;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootArgs {
    /// Base URL of the agent API, HTTPS.
    pub server: String,
    /// Base URL of the boot server, plain HTTP.
    pub boot: String,
    /// SHA-256 of the CA's DER, lower-case hex: the only thing here that trust rests on.
    pub ca_sha256: String,
    /// The server's time when it rendered the script, in microseconds since 1970.
    pub time: i64,
    /// How long the server may stay away before the machine reboots.
    pub patience: Duration,
    /// The interface that the firmware booted from.
    pub boot_interface: Option<Mac>,
}

const PATIENCE: Duration = Duration::from_secs(600);

/// Finds each word by its key, never by its place: iPXE on UEFI puts the image's name in front.
pub fn parse(command_line: &str) -> Result<BootArgs> {
    let find = |key: &str| {
        command_line.split_ascii_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    };
    let need = |key: &'static str| {
        find(key).with_context(|| format!("the kernel's command line has no {key}=: check the boot script"))
    };
    let ca_sha256 = need("metal.ca")?.to_ascii_lowercase();
    anyhow::ensure!(
        ca_sha256.len() == 64 && ca_sha256.bytes().all(|b| b.is_ascii_hexdigit()),
        "metal.ca={ca_sha256} on the kernel's command line is not a SHA-256 in hex"
    );
    let time = need("metal.time")?;
    let seconds: i64 =
        time.parse().with_context(|| format!("metal.time={time} is not a number of seconds"))?;
    Ok(BootArgs {
        server: need("metal.server")?.trim_end_matches('/').into(),
        boot: need("metal.boot")?.trim_end_matches('/').into(),
        ca_sha256,
        time: seconds.saturating_mul(1_000_000),
        patience: find("metal.patience").and_then(|t| t.parse().ok()).map_or(PATIENCE, Duration::from_secs),
        boot_interface: find("BOOTIF").and_then(boot_interface),
    })
}

/// PXELINUX's form: the hardware type in front, dashes between.
fn boot_interface(text: &str) -> Option<Mac> {
    text.strip_prefix("01-").unwrap_or(text).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: &str = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff";

    fn line() -> String {
        format!(
            "vmlinuz initrd=initrd metal.server=https://10.77.0.1:8443/ metal.boot=http://10.77.0.1:8080 \
             metal.ca={CA} metal.time=1795000000 BOOTIF=01-52-54-00-12-34-56 console=ttyS0 panic=30\n"
        )
    }

    #[test]
    fn words_are_found_wherever_they_stand() {
        let args = parse(&line()).unwrap();
        assert_eq!(args.server, "https://10.77.0.1:8443");
        assert_eq!(args.boot, "http://10.77.0.1:8080");
        assert_eq!(args.ca_sha256, CA.to_ascii_lowercase());
        assert_eq!(args.time, 1_795_000_000_000_000);
        assert_eq!(args.patience, PATIENCE);
        assert_eq!(args.boot_interface.unwrap().to_string(), "52:54:00:12:34:56");
    }

    #[test]
    fn patience_can_be_shortened() {
        let args = parse(&format!("{} metal.patience=20", line())).unwrap();
        assert_eq!(args.patience, Duration::from_secs(20));
    }

    #[test]
    fn what_is_missing_is_named() {
        for key in ["metal.server", "metal.boot", "metal.ca", "metal.time"] {
            let text = line().replace(key, "x");
            assert!(format!("{:#}", parse(&text).unwrap_err()).contains(key), "{key}");
        }
        assert!(parse(&line().replace(CA, "abc")).is_err());
        assert!(parse(&line().replace("1795000000", "soon")).is_err());
        assert_eq!(parse(&line().replace("01-52-", "zz-")).unwrap().boot_interface, None);
    }
}
