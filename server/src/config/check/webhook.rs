//! Receivers: told apart by name, reached by HTTP, signed for with a secret that is not in the site file.

use super::{Findings, LABEL_HINT, is_label};
use crate::config::Site;

pub(super) fn webhooks(site: &Site, found: &mut Findings) {
    for (i, webhook) in site.webhooks.iter().enumerate() {
        let path = |setting: &str| format!("webhook.{i}.{setting}");
        if !is_label(&webhook.name) {
            found.error(&path("name"), format!("`{}` is not a webhook's name", webhook.name), LABEL_HINT);
        }
        if site.webhooks.iter().take(i).any(|other| other.name == webhook.name) {
            let message = format!("two webhooks are called `{}`", webhook.name);
            found.error(&path("name"), message, "what each was told of is kept under its name");
        }
        let after = |scheme: &str| webhook.url.strip_prefix(scheme).filter(|rest| !rest.is_empty());
        if after("https://").is_none() && after("http://").is_none() {
            let message = format!("webhook `{}` has no address that can be posted to", webhook.name);
            found.error(&path("url"), message, "such as https://hooks.example.org/metal");
        } else if after("https://").is_none() {
            let message = format!("webhook `{}` is told over plain HTTP", webhook.name);
            found.warning(&path("url"), message, "whoever is on the way reads it; the signature still holds");
        }
        if !webhook.secret_file.is_absolute() {
            let message = format!("`{}` depends on where the server starts", webhook.secret_file.display());
            found.error(
                &path("secret_file"),
                message,
                "write it from the root, such as /etc/metald/hook.key",
            );
        }
    }
}
