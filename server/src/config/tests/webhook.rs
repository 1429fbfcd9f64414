//! What is said about receivers.

use super::good;
use crate::config::{Severity, Site};
use api::state::State;

fn said(webhook: &str) -> Vec<(Severity, String)> {
    let site = Site::parse(&format!("{}\n{webhook}", good())).unwrap();
    site.check().into_iter().map(|finding| (finding.severity, finding.message)).collect()
}

fn webhook(name: &str, url: &str, secret_file: &str) -> String {
    format!(
        "[[webhook]]\nname = \"{name}\"\nurl = \"{url}\"\nsecret_file = \"{secret_file}\"\nstates = [\"failed\"]\n"
    )
}

#[test]
fn a_receiver_is_told_what_it_names() {
    let text = webhook("chat", "https://hooks.example.org/x", "/etc/metald/chat.key");
    assert_eq!(said(&text), []);
    let site = Site::parse(&format!("{}\n{text}", good())).unwrap();
    assert_eq!(site.webhooks[0].states, [State::Failed]);
    let error = Site::parse(&format!("{}\n{}", good(), text.replace("failed", "broken"))).unwrap_err();
    assert!(error.message.contains("broken"), "{}", error.message);
}

#[test]
fn a_receiver_has_a_name_of_its_own_an_address_and_a_secret() {
    let (url, key) = ("https://hooks.example.org/x", "/etc/metald/chat.key");
    let is = |text: &str, severity: Severity, part: &str| {
        let said = said(text);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].0 == severity && said[0].1.contains(part), "{said:?}");
    };
    is(&webhook("Chat!", url, key), Severity::Error, "not a webhook's name");
    let twice = webhook("chat", url, key) + &webhook("chat", url, key);
    is(&twice, Severity::Error, "two webhooks are called `chat`");
    is(&webhook("chat", "hooks.example.org", key), Severity::Error, "no address");
    is(&webhook("chat", "https://", key), Severity::Error, "no address");
    is(&webhook("chat", "http://10.77.0.5/x", key), Severity::Warning, "plain HTTP");
    is(&webhook("chat", url, "chat.key"), Severity::Error, "where the server starts");
}
