//! What a person types to this program and not to the machine: `~` and a letter at the beginning of a line, as in other
//! remote terminals. Pure.

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// For the machine.
    Bytes(Vec<u8>),
    Break,
    Help,
    Leave,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Beginning,
    /// Behind a `~` at the beginning, which is not sent yet.
    Tilde,
    Within,
}

/// Where in a line the person is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Escape(At);

impl Escape {
    /// In the order in which it was typed; nothing after the end is looked at.
    pub fn push(&mut self, keys: &[u8]) -> Vec<Typed> {
        let (mut all, mut plain) = (Vec::new(), Vec::new());
        for key in keys {
            let said = match (self.0, key) {
                (At::Beginning, b'~') => {
                    self.0 = At::Tilde;
                    continue;
                }
                (At::Tilde, b'.') => Some(Typed::Leave),
                (At::Tilde, b'B') => Some(Typed::Break),
                (At::Tilde, b'?') => Some(Typed::Help),
                (At::Tilde, b'~') => {
                    plain.push(b'~');
                    self.0 = At::Within;
                    continue;
                }
                (At::Tilde, _) => {
                    plain.push(b'~');
                    None
                }
                _ => None,
            };
            match said {
                Some(said) => {
                    flush(&mut plain, &mut all);
                    let leaves = said == Typed::Leave;
                    all.push(said);
                    self.0 = At::Beginning;
                    if leaves {
                        return all;
                    }
                }
                None => {
                    plain.push(*key);
                    self.0 = if matches!(key, b'\r' | b'\n') { At::Beginning } else { At::Within };
                }
            }
        }
        flush(&mut plain, &mut all);
        all
    }
}

fn flush(plain: &mut Vec<u8>, all: &mut Vec<Typed>) {
    if !plain.is_empty() {
        all.push(Typed::Bytes(std::mem::take(plain)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Typed {
        Typed::Bytes(text.into())
    }

    #[test]
    fn what_is_typed_and_what_comes_of_it() {
        for (keys, expected) in [
            ("ls\r", vec![bytes("ls\r")]),
            ("~.", vec![Typed::Leave]),
            ("~.and more", vec![Typed::Leave]),
            ("ls ~.\r", vec![bytes("ls ~.\r")]),
            ("ls\r~.", vec![bytes("ls\r"), Typed::Leave]),
            ("~B~Bh", vec![Typed::Break, Typed::Break, bytes("h")]),
            ("~?", vec![Typed::Help]),
            ("~~.", vec![bytes("~.")]),
            ("~/x\r", vec![bytes("~/x\r")]),
            ("~\r~.", vec![bytes("~\r"), Typed::Leave]),
            ("~", vec![]),
        ] {
            assert_eq!(Escape::default().push(keys.as_bytes()), expected, "{keys:?}");
        }
    }

    #[test]
    fn it_does_not_matter_how_keys_come_together() {
        let keys = b"ls\r~~x\r~Bq\r~?\r~.";
        let whole = Escape::default().push(keys);
        let mut one = Escape::default();
        let single: Vec<Typed> = keys.iter().flat_map(|key| one.push(&[*key])).collect();
        let text = |all: &[Typed]| {
            let each = all.iter().map(|typed| match typed {
                Typed::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                other => format!("<{other:?}>"),
            });
            each.collect::<String>()
        };
        assert_eq!(text(&single), text(&whole));
        assert_eq!(text(&whole), "ls\r~x\r<Break>q\r<Help>\r<Leave>");
    }
}
