//! The lines of /etc/hosts: kubelet and etcd look a node up by its name, and must find the address that others see.
//! Debian gives it 127.0.1.1. Pure.

/// `text` with one line for `name`, which is `address`.
pub fn with(text: &str, name: &str, address: &str) -> String {
    let mut lines: Vec<String> = text.lines().filter_map(|line| without(line, name)).collect();
    lines.push(format!("{address} {name}"));
    lines.join("\n") + "\n"
}

pub fn addresses<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let found = |line: &'a str| {
        let mut words = spoken(line).split_whitespace();
        let address = words.next()?;
        words.any(|word| word == name).then_some(address)
    };
    text.lines().filter_map(found).collect()
}

/// None when nothing but the address is left.
fn without(line: &str, name: &str) -> Option<String> {
    let words: Vec<&str> = spoken(line).split_whitespace().collect();
    if !words.iter().skip(1).any(|word| *word == name) {
        return Some(line.into());
    }
    let left: Vec<&str> = words.into_iter().filter(|word| *word != name).collect();
    (left.len() > 1).then(|| left.join(" "))
}

fn spoken(line: &str) -> &str {
    line.split('#').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_gets_its_own_address_and_no_other() {
        let text = "127.0.0.1 localhost\n127.0.1.1 node07\n::1 localhost node07 # all\n# node07\n";
        let new = with(text, "node07", "10.77.0.107");
        assert_eq!(new, "127.0.0.1 localhost\n::1 localhost\n# node07\n10.77.0.107 node07\n");
        assert_eq!(addresses(&new, "node07"), ["10.77.0.107"]);
        assert_eq!(with(&new, "node07", "10.77.0.107"), new);
        assert_eq!(addresses(text, "node07"), ["127.0.1.1", "::1"]);
    }
}
