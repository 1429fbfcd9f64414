//! Which bytes a client asks for (RFC 9110 §14), and whether it has them already (§13). Pure.

use std::ops::Range;

/// What a Range header asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Whole,
    Part(Range<u64>),
    /// Nothing of it is there.
    Unsatisfiable,
}

/// Reads a Range header for a file of `size` bytes. What is malformed, in another unit or more than one
/// range is as good as not there: the RFC lets a server answer with the whole, and no loader asks for more.
pub fn asked(header: Option<&str>, size: u64) -> Asked {
    let Some((first, last)) = header.and_then(single) else { return Asked::Whole };
    let range = match (first, last) {
        (Some(first), Some(last)) if first > last => return Asked::Whole,
        (Some(first), last) => first..last.map_or(size, |last| last.saturating_add(1).min(size)),
        (None, Some(suffix)) => size.saturating_sub(suffix)..size,
        (None, None) => return Asked::Whole,
    };
    if range.is_empty() { Asked::Unsatisfiable } else { Asked::Part(range) }
}

/// Whether an If-Range header lets a range through. A date never does: an image's identity is its digest.
pub fn if_range_holds(header: Option<&str>, etag: &str) -> bool {
    header.is_none_or(|header| header.trim() == etag)
}

/// Whether an If-Match or If-None-Match header names this entity tag. Weak tags count here, because
/// proxies weaken what they compress.
pub fn names_etag(header: &str, etag: &str) -> bool {
    header.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-SUFFIX`.
fn single(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, ranges) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = ranges.trim().split_once('-')?;
    Some((number(first)?, number(last)?))
}

/// Digits only: `parse` alone would take a sign. None when malformed, Some(None) when left out.
fn number(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_header_is_read_as_the_rfc_says() {
        let cases = [
            (None, Asked::Whole),
            (Some("bytes=0-"), Asked::Part(0..100)),
            (Some("bytes=0-0"), Asked::Part(0..1)),
            (Some("bytes=10-19"), Asked::Part(10..20)),
            (Some("bytes=10-"), Asked::Part(10..100)),
            (Some("bytes=90-500"), Asked::Part(90..100)),
            (Some("bytes=99-"), Asked::Part(99..100)),
            (Some("bytes=-10"), Asked::Part(90..100)),
            (Some("bytes=-500"), Asked::Part(0..100)),
            (Some("Bytes = 1-2"), Asked::Part(1..3)),
            (Some("bytes=100-"), Asked::Unsatisfiable),
            (Some("bytes=100-200"), Asked::Unsatisfiable),
            (Some("bytes=-0"), Asked::Unsatisfiable),
            (Some("bytes=18446744073709551615-18446744073709551615"), Asked::Unsatisfiable),
            (Some("bytes=0-18446744073709551615"), Asked::Part(0..100)),
            (Some("bytes=5-2"), Asked::Whole),
            (Some("bytes=0-1,5-6"), Asked::Whole),
            (Some("bytes=+1-2"), Asked::Whole),
            (Some("bytes=-"), Asked::Whole),
            (Some("bytes=99999999999999999999-"), Asked::Whole),
            (Some("lines=1-2"), Asked::Whole),
            (Some("bytes"), Asked::Whole),
            (Some(""), Asked::Whole),
        ];
        for (header, expected) in cases {
            assert_eq!(asked(header, 100), expected, "{header:?}");
        }
        assert_eq!(asked(Some("bytes=0-"), 0), Asked::Unsatisfiable);
    }

    #[test]
    fn tags_are_compared() {
        assert!(
            names_etag("\"a\", W/\"b\"", "\"b\"")
                && names_etag("*", "\"b\"")
                && !names_etag("\"a\"", "\"b\"")
        );
        assert!(if_range_holds(None, "\"a\"") && if_range_holds(Some("\"a\""), "\"a\""));
        assert!(!if_range_holds(Some("W/\"a\""), "\"a\""));
        assert!(!if_range_holds(Some("Tue, 24 Nov 2026 07:00:00 GMT"), "\"a\""));
    }
}
