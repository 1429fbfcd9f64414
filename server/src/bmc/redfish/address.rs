//! The address of a BMC as a person writes it, as the URL that it is reached by. Pure.

use std::net::Ipv6Addr;

use api::bmc::Fault;
use reqwest::Url;

/// Of an IP address or a name, with or without a port. HTTPS, unless `http://` is written out.
pub fn url(address: &str) -> Result<Url, Fault> {
    let address = address.trim();
    let whole = match address.parse::<Ipv6Addr>() {
        Ok(bare) => format!("https://[{bare}]"),
        Err(_) if address.contains("://") => address.to_string(),
        Err(_) => format!("https://{address}"),
    };
    // What was typed may hold a password: it is not said.
    let refuse = |what: &str| {
        Fault::Unsupported(format!("the BMC's address {what}: write it as 10.0.0.9 or bmc7.example"))
    };
    let url: Url = whole.parse().map_err(|_| refuse("is none"))?;
    match url {
        _ if !matches!(url.scheme(), "http" | "https") => Err(refuse("is not reached by HTTPS")),
        _ if !url.username().is_empty() || url.password().is_some() => {
            Err(refuse("has a name or password in it"))
        }
        _ if url.host_str().is_none_or(str::is_empty) => Err(refuse("names no host")),
        _ if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
            Err(refuse("goes on behind its host"))
        }
        url => Ok(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        let of = |text: &str| url(text).map(|url| url.to_string());
        assert_eq!(of("10.0.0.9"), Ok("https://10.0.0.9/".into()));
        assert_eq!(of(" bmc7.example:8443 "), Ok("https://bmc7.example:8443/".into()));
        assert_eq!(of("fe80::1"), Ok("https://[fe80::1]/".into()));
        assert_eq!(of("[fe80::1]:8443"), Ok("https://[fe80::1]:8443/".into()));
        assert_eq!(of("http://127.0.0.1:8000/"), Ok("http://127.0.0.1:8000/".into()));
        for bad in ["", "a b", "ftp://x", "10.0.0.9/redfish/v1", "https://me:secret@10.0.0.9", "https://"] {
            let Err(fault) = url(bad) else { panic!("{bad} was taken") };
            assert!(!fault.to_string().contains("secret"), "{fault}");
        }
    }
}
