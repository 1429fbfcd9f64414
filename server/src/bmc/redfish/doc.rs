//! Reads a Redfish document without trusting it: a field that is missing, null or of another type is not there.
//! Pure.

use serde_json::Value;

/// Text that says something: firmware fills in blanks, `N/A` and the like where it knows nothing.
pub fn text<'a>(doc: &'a Value, field: &str) -> Option<&'a str> {
    let text = doc.get(field)?.as_str()?.trim();
    (!text.is_empty() && !VOID.iter().any(|void| text.eq_ignore_ascii_case(void))).then_some(text)
}

const VOID: &[&str] = &["n/a", "na", "null", "none", "unknown", "not available", "not specified", "no dimm"];

pub fn owned(doc: &Value, field: &str) -> String {
    text(doc, field).unwrap_or_default().into()
}

/// The first of these fields that says something.
pub fn first_of(doc: &Value, fields: &[&str]) -> String {
    fields.iter().find_map(|field| text(doc, field)).unwrap_or_default().into()
}

/// A number, also one that came as text.
pub fn number(doc: &Value, field: &str) -> Option<f64> {
    let value = doc.get(field)?;
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    number.is_finite().then_some(number)
}

/// A count: what is negative is none, a fraction is cut off.
pub fn count(doc: &Value, field: &str) -> Option<u64> {
    let number = number(doc, field)?;
    // Exact up to 2^53, which is 8 PiB: nothing here is larger.
    (0.0..9.007_199_254_740_992e15).contains(&number).then_some(number as u64)
}

pub fn flag(doc: &Value, field: &str) -> Option<bool> {
    let value = doc.get(field)?;
    value.as_bool().or_else(|| value.as_str()?.trim().to_ascii_lowercase().parse().ok())
}

/// The elements of an array; one object where an array belongs is an array of it.
pub fn list<'a>(doc: &'a Value, field: &str) -> Vec<&'a Value> {
    match doc.get(field) {
        Some(Value::Array(values)) => values.iter().collect(),
        Some(value @ Value::Object(_)) => vec![value],
        _ => Vec::new(),
    }
}

pub fn texts<'a>(doc: &'a Value, field: &str) -> Vec<&'a str> {
    list(doc, field).into_iter().filter_map(Value::as_str).collect()
}

/// Field by field into objects.
pub fn at<'a>(doc: &'a Value, fields: &[&str]) -> Option<&'a Value> {
    fields.iter().try_fold(doc, |value, field| value.get(field))
}

/// Where a document says that it lies.
pub fn id(doc: &Value) -> Option<String> {
    path(doc.get("@odata.id")?.as_str()?)
}

/// Where a link leads: `{"@odata.id": …}`, or the path as plain text.
pub fn link(doc: &Value, field: &str) -> Option<String> {
    let value = doc.get(field)?;
    path(value.get("@odata.id").unwrap_or(value).as_str()?)
}

pub fn links(doc: &Value, field: &str) -> Vec<String> {
    let to = |value: &Value| path(value.get("@odata.id").unwrap_or(value).as_str()?);
    list(doc, field).into_iter().filter_map(to).collect()
}

/// A path of this BMC. What leads elsewhere is not followed: a document does not say whom we speak to.
/// One trailing slash more or less is the same resource (iLO writes them, others do not).
pub fn path(text: &str) -> Option<String> {
    let text = text.trim();
    let local = match text.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => text,
    };
    let plain = local.split_once('#').map_or(local, |(before, _)| before);
    let sane = plain.starts_with('/')
        && !plain.starts_with("//")
        && plain.len() < 1024
        && plain.chars().all(|c| c.is_ascii_graphic())
        && !plain.split('/').any(|part| part == "..");
    sane.then(|| plain.to_string())
}

/// Whether a part is there: empty sockets, slots and bays are listed, too.
pub fn present(doc: &Value) -> bool {
    at(doc, &["Status", "State"]).and_then(Value::as_str) != Some("Absent")
}

pub fn health(doc: &Value) -> Option<String> {
    let status = doc.get("Status")?;
    text(status, "Health").or_else(|| text(status, "HealthRollup")).map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_of_another_type_is_not_there() {
        let doc =
            json!({"a": 3, "b": " ", "c": "N/A", "d": "x ", "n": "7.5", "i": -1, "t": "True", "o": {"x": 1}});
        assert_eq!(text(&doc, "a"), None);
        assert_eq!(text(&doc, "b"), None);
        assert_eq!(text(&doc, "c"), None);
        assert_eq!(text(&doc, "d"), Some("x"));
        assert_eq!(number(&doc, "n"), Some(7.5));
        assert_eq!(number(&doc, "d"), None);
        assert_eq!(count(&doc, "i"), None);
        assert_eq!(flag(&doc, "t"), Some(true));
        assert_eq!(list(&doc, "o"), [&json!({"x": 1})]);
        assert!(list(&doc, "a").is_empty());
    }

    #[test]
    fn a_link_stays_on_this_bmc() {
        assert_eq!(path("/redfish/v1/Systems/1/"), Some("/redfish/v1/Systems/1/".into()));
        assert_eq!(path("https://10.0.0.9/redfish/v1/T/1"), Some("/redfish/v1/T/1".into()));
        assert_eq!(
            path("/redfish/v1/Chassis/1/Power#/PowerControl/0"),
            Some("/redfish/v1/Chassis/1/Power".into())
        );
        for bad in ["", "x", "//evil/x", "/a/../../b", "/a b", "https://evil", "/a\r\nX: y"] {
            assert_eq!(path(bad), None, "{bad:?}");
        }
    }
}
