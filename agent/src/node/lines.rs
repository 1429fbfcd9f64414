//! Reads what kubeadm prints: which phase a line belongs to. Pure.

/// `certs` of `[certs] Generating "ca" certificate and key`.
pub fn phase(line: &str) -> Option<&str> {
    let (name, _) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    // It says only that the cluster was read, or how long the wait is.
    (word && !matches!(name, "init" | "apiclient" | "kubelet-check")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_what_stands_in_brackets() {
        assert_eq!(phase("[certs] Generating \"ca\" certificate and key"), Some("certs"));
        assert_eq!(phase("[wait-control-plane] Waiting for the kubelet"), Some("wait-control-plane"));
        for line in ["", "[", "[]", "[ERROR Port-10250]: Port 10250 is in use", "[init] Using", "certs"] {
            assert_eq!(phase(line), None, "{line}");
        }
    }
}
