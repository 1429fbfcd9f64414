//! Label keys and values, as the API server takes them: k8s.io/apimachinery, pkg/util/validation,
//! IsQualifiedName and IsValidLabelValue.

/// What `key` is not, or nothing when it is a key: `name` or `dns.subdomain/name`.
pub fn key_fault(key: &str) -> Option<&'static str> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if !is_name(name) {
        return Some("a name is 1 to 63 of letters, digits and inner dashes, dots and underscores");
    }
    let fault = "what is before the slash is a DNS name in lower case, such as example.org";
    prefix.filter(|prefix| !is_subdomain(prefix)).map(|_| fault)
}

pub fn is_value(value: &str) -> bool {
    value.is_empty() || is_name(value)
}

fn is_name(name: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let bytes = name.as_bytes();
    name.len() <= 63 && edge(bytes.first()) && edge(bytes.last()) && name.bytes().all(inner)
}

/// An RFC 1123 subdomain. Its labels have no length of their own there, only the whole has.
fn is_subdomain(name: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label = |label: &str| {
        edge(label.as_bytes().first()) && edge(label.as_bytes().last()) && label.bytes().all(inner)
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let long = "a".repeat(63);
        for key in ["a", "A.b_c-9", "example.org/zone", "x/y", "node-restriction.kubernetes.io/gpu", &long] {
            assert_eq!(key_fault(key), None, "{key}");
        }
        let longer = "a".repeat(64);
        for key in ["", "-a", "a-", "a b", "/a", "a/", "a/b/c", "Example.org/a", "a..b/c", "ä", &longer] {
            assert!(key_fault(key).is_some(), "{key}");
        }
        assert!(key_fault(&format!("{}/a", "a.".repeat(126) + "a")).is_none());
        assert!(key_fault(&format!("{}/a", "a.".repeat(127) + "a")).is_some());
    }

    #[test]
    fn values() {
        for value in ["", "a", "A_b.c-1", "true"] {
            assert!(is_value(value), "{value}");
        }
        for value in ["-", "a ", "a/b", ".a", &"a".repeat(64)] {
            assert!(!is_value(value), "{value}");
        }
    }
}
