//! How a person names a machine, made safe as a segment of a URL's path.

use crate::exit::{Exit, Failure};

/// Serials come with spaces, slashes and worse: every byte that is not plainly a name's is escaped.
pub fn path_segment(reference: &str) -> Result<String, Failure> {
    let reference = reference.trim();
    if reference.is_empty() || reference.chars().all(|c| c == '.') {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{reference}` names no machine"),
            "give a hostname, or the beginning of a MAC, serial or id",
        ));
    }
    Ok(reference.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._:".contains(&byte) {
            path.push(byte.into());
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
        path
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes_from_the_segment() {
        assert_eq!(path_segment("52:54:00").unwrap(), "52:54:00");
        assert_eq!(path_segment(" S/N 1?#").unwrap(), "S%2FN%201%3F%23");
        assert!(path_segment("..").is_err() && path_segment("").is_err());
    }
}
