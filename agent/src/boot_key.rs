//! The one-time key of this boot: in the RAM image where a boot script brought it along, else fetched from the same door
//! by which boot scripts do, under the same conditions.

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, Result, bail};
use api::id::Mac;
use api::routes::boot::key;
use reqwest::StatusCode;

use crate::boot_server;
use crate::newc;

const FILE: &str = "/etc/metal/boot-key";

/// None where the image brought none: GRUB on the disk or kexec has started it.
pub fn brought() -> Result<Option<String>> {
    match fs::read_to_string(FILE) {
        Ok(key) => Ok(Some(key.trim().into())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {FILE}")),
    }
}

/// What the server says to one port.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Key(String),
    /// The address that asks is not this port's, or the port is nobody's.
    NotThisPort,
}

/// The server gives it to the address that it has leased to that port, and only while it wants an agent in RAM here.
pub async fn fetch(boot: &str, ports: &[Mac]) -> Result<String> {
    for port in ports {
        let url = format!("{boot}{}", key(*port));
        let response =
            boot_server::client()?.get(&url).send().await.with_context(|| format!("no answer from {url}"))?;
        let status = response.status();
        let body = response.bytes().await.with_context(|| format!("{url} broke off"))?;
        if let Answer::Key(key) = understand(status, &body).with_context(|| url.clone())? {
            return Ok(key);
        }
    }
    bail!("{boot} gives none of the {} ports of this machine a key", ports.len())
}

fn understand(status: StatusCode, body: &[u8]) -> Result<Answer> {
    match status {
        StatusCode::OK => {
            let key = newc::file(body, FILE.trim_start_matches('/')).context("the answer holds no key")?;
            let key = std::str::from_utf8(key).context("the key is no text")?;
            Ok(Answer::Key(key.trim().into()))
        }
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Ok(Answer::NotThisPort),
        StatusCode::CONFLICT => bail!("the server wants no agent in RAM on this machine now"),
        status => bail!("it answered {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_ports_or_the_machines() {
        assert_eq!(understand(StatusCode::FORBIDDEN, b"").unwrap(), Answer::NotThisPort);
        assert_eq!(understand(StatusCode::NOT_FOUND, b"").unwrap(), Answer::NotThisPort);
        assert!(understand(StatusCode::CONFLICT, b"").unwrap_err().to_string().contains("no agent in RAM"));
        assert!(understand(StatusCode::INTERNAL_SERVER_ERROR, b"").is_err());
        assert!(understand(StatusCode::OK, b"not an archive").is_err());
    }
}
