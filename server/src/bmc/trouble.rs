//! What did not work with a machine's power, in words. Pure.

use api::bmc::PowerAction;
use api::power::Trouble;

use super::gap::Seen;

/// None where there is none, or where it was told with its fault. `asked`: what did not show.
pub fn sentence(trouble: Trouble, asked: Option<PowerAction>, seen: Seen) -> Option<String> {
    let patience = api::words::span(seen.patience.as_secs());
    match trouble {
        Trouble::None | Trouble::BootKept => None,
        Trouble::NotObeyed => {
            let asked = asked.map_or("what was asked", PowerAction::as_str);
            Some(format!("its BMC took `{asked}`, and the power still reads {}", seen.power))
        }
        Trouble::Contradicted => {
            Some("its BMC reads off, and it spoke while it should have been off: this BMC is another machine's, or does not tell the truth".into())
        }
        Trouble::NotOnTheWire => {
            Some(format!("it is on, was power-cycled once, and did not appear on the wire within {patience}"))
        }
        Trouble::NeedsAHand if seen.patience.is_zero() => {
            Some("needs a hand: press power; nothing here can do it".into())
        }
        Trouble::NeedsAHand => {
            Some(format!("needs a hand: press power; it was woken and not heard of within {patience}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use api::bmc::Power;

    use super::*;

    #[test]
    fn each_trouble_says_what_was_waited_for() {
        let seen = |seconds| Seen {
            power: Power::Off,
            read_at: None,
            off_since: None,
            on_wire_at: None,
            patience: Duration::from_secs(seconds),
        };
        let words = |trouble, seconds| sentence(trouble, Some(PowerAction::On), seen(seconds));
        assert_eq!(words(Trouble::None, 600), None);
        let obeyed = words(Trouble::NotObeyed, 600).unwrap();
        assert_eq!(obeyed, "its BMC took `on`, and the power still reads off");
        assert!(words(Trouble::Contradicted, 0).unwrap().starts_with("its BMC reads off, and it spoke"));
        assert!(words(Trouble::NotOnTheWire, 600).unwrap().ends_with("within 10 min"));
        assert!(words(Trouble::NeedsAHand, 600).unwrap().contains("woken and not heard of within 10 min"));
        assert!(words(Trouble::NeedsAHand, 0).unwrap().ends_with("nothing here can do it"));
    }
}
