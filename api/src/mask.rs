//! What nobody may see in a log or on a console: tokens, keys and passwords that other programs print. Pure.

const MASKED: &str = "(masked)";

/// Keys in base64 come in lines of 64 signs; the last one may be shorter.
const LONG: usize = 60;

/// The line without its secrets. A certificate's pin, `sha256:…`, and the digest of an image are public.
pub fn mask(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut before = "";
    for piece in line.split_inclusive(is_between) {
        let word = piece.trim_end_matches(is_between);
        masked += &if before.eq_ignore_ascii_case("bearer") { MASKED.into() } else { mask_word(word) };
        masked += &piece[word.len()..];
        if !word.is_empty() {
            before = word;
        }
    }
    mask_keys(&masked)
}

/// An address as it is kept and told: without a name and password in it, and without what is behind a `?`, which may be
/// what opens it.
pub fn mask_address(address: &str) -> String {
    mask(address.split(['?', '#']).next().unwrap_or_default())
}

fn is_between(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ';' | '(' | ')' | '{' | '}' | '[' | ']')
}

fn mask_word(word: &str) -> String {
    if let Some((name, value)) = word.split_once('=') {
        let name_end = name.to_ascii_lowercase();
        let secret = ["password", "passwd", "secret", "token"].iter().any(|end| name_end.ends_with(end));
        if secret && !value.is_empty() {
            return format!("{name}={MASKED}");
        }
    }
    if let Some((scheme, rest)) = word.split_once("://") {
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if let Some((_, host)) = host.rsplit_once('@') {
            return format!("{scheme}://{MASKED}@{host}{path}");
        }
    }
    if (word.starts_with("eyJ") && word.len() >= 40) || is_base64(word) {
        return MASKED.into();
    }
    word.into()
}

/// The paths and names of a system have other signs in them, or no capitals.
fn is_base64(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.bytes().any(|b| kind(&b));
    let sign = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    word.len() >= LONG && mixed && word.bytes().all(sign)
}

/// Bootstrap tokens and certificate keys, wherever they stand.
fn mask_keys(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find(is_part) {
        let length = rest[start..].find(|c| !is_part(c)).unwrap_or(rest.len() - start);
        let (before, run) = (&rest[..start], &rest[start..start + length]);
        masked += before;
        let word = run.trim_end_matches('.');
        if is_token(word) || (is_key(word) && !is_public(&masked)) {
            masked += MASKED;
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

/// What stands before says that the number after it is a digest or a container's.
fn is_public(before: &str) -> bool {
    let before = before.to_ascii_lowercase();
    ["sha256", "digest", "hash", "container"].iter().any(|word| before.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_keys_are_masked_and_pins_are_not() {
        let key = "0123456789abcdef".repeat(4);
        assert_eq!(mask("Using token: abcdef.0123456789abcdef"), "Using token: (masked)");
        assert_eq!(mask("--token=abcdef.0123456789abcdef."), "--token=(masked)");
        assert_eq!(mask("(abcdef.0123456789abcdef.)"), "((masked).)");
        assert_eq!(mask(&format!("key:\n{key} é")), "key:\n(masked) é");
        for public in [
            format!("none of the public keys \"sha256:{key}\" are pinned"),
            format!("the image's digest is {key}"),
            format!("removed container {key}"),
            "kube-apiserver.v1.36.3 at 10.77.0.11:6443 on node07.rack1".into(),
            "systemd[1]: Started kubelet.service; no token, no secret= here".into(),
            "/var/lib/kubelet/pods/6F1c2d3e-0000-4000-8000-000000000000/volumes/kubernetes.io~projected/a"
                .into(),
        ] {
            assert_eq!(mask(&public), public);
        }
    }

    #[test]
    fn other_programs_secrets_are_masked() {
        let jwt = format!("eyJhbGciOiJSUzI1NiJ9.{}", "a1B2".repeat(12));
        let base64 = "MIIEpAIBAAKCAQEA7Zq3".repeat(4);
        for (line, masked) in [
            (format!("Authorization: Bearer {jwt}"), "Authorization: Bearer (masked)"),
            ("curl -H 'authorization: bearer s3cret'".into(), "curl -H 'authorization: bearer (masked)'"),
            (format!("token {jwt} end"), "token (masked) end"),
            (base64[..64].into(), "(masked)"),
            (
                "Command line: root=/dev/vda admin_password=hunter2 quiet".into(),
                "Command line: root=/dev/vda admin_password=(masked) quiet",
            ),
            ("fetch https://anna:hunter2@example.org/a?b".into(), "fetch https://(masked)@example.org/a?b"),
        ] {
            assert_eq!(mask(&line), masked);
        }
    }

    #[test]
    fn an_address_is_told_without_what_opens_it() {
        for (address, told) in [
            ("https://anna:hunter2@example.org/a.bin?key=1#x", "https://(masked)@example.org/a.bin"),
            ("http://10.77.0.1:8080/b.iso#x", "http://10.77.0.1:8080/b.iso"),
            ("b.iso", "b.iso"),
        ] {
            assert_eq!(mask_address(address), told);
        }
    }
}
