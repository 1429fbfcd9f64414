//! Reads what kubeadm prints: which phase a line belongs to, and what in it nobody may see. Pure.

/// `certs` of `[certs] Generating "ca" certificate and key`.
pub fn phase(line: &str) -> Option<&str> {
    let (name, _) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    // It says only that the cluster was read, or how long the wait is.
    (word && !matches!(name, "init" | "apiclient" | "kubelet-check")).then_some(name)
}

/// Bootstrap tokens and certificate keys, wherever they stand. A key's pin, `sha256:…`, is public.
pub fn mask(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find(is_part) {
        let length = rest[start..].find(|c| !is_part(c)).unwrap_or(rest.len() - start);
        let (before, run) = (&rest[..start], &rest[start..start + length]);
        masked += before;
        let word = run.trim_end_matches('.');
        if is_token(word) || (is_key(word) && !masked.ends_with("sha256:")) {
            masked += "(masked)";
            masked += &run[word.len()..];
        } else {
            masked += run;
        }
        rest = &rest[start + length..];
    }
    masked + rest
}

fn is_part(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.'
}

fn is_token(word: &str) -> bool {
    let plain = |part: &str, length| part.len() == length && !part.contains('.');
    word.split_once('.').is_some_and(|(id, secret)| plain(id, 6) && plain(secret, 16))
}

fn is_key(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit())
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

    #[test]
    fn tokens_and_keys_are_masked_and_pins_are_not() {
        let key = "0123456789abcdef".repeat(4);
        assert_eq!(mask("Using token: abcdef.0123456789abcdef"), "Using token: (masked)");
        assert_eq!(mask("--token=abcdef.0123456789abcdef."), "--token=(masked).");
        assert_eq!(mask(&format!("key:\n{key} é")), "key:\n(masked) é");
        let pin = format!("none of the public keys \"sha256:{key}\" are pinned");
        assert_eq!(mask(&pin), pin);
        let plain = "kube-apiserver.v1.36.3 at 10.77.0.11:6443 on node07.rack1";
        assert_eq!(mask(plain), plain);
    }
}
