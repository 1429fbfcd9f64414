//! Follows Flannel's subnet file: the list of CNI plugins is rendered when it appears, and again when it changes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{blocking, cni, files};
use crate::log::Log;

const SUBNET: &str = "run/flannel/subnet.env";
const LIST: &str = "etc/cni/net.d/10-flannel.conflist";

/// Until it is dropped. A node is not Ready before the list is there, so a second matters.
pub async fn follow(root: &Path, log: &Log) {
    let mut rendered = String::new();
    loop {
        let (root, log) = (root.to_path_buf(), log.clone());
        let rendering = blocking(move || {
            render(&root, &mut rendered, &log);
            Ok(rendered)
        });
        rendered = rendering.await.unwrap_or_default();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// `rendered`: the subnet file as it was when the list was last written.
fn render(root: &Path, rendered: &mut String, log: &Log) {
    let Ok(text) = fs::read_to_string(root.join(SUBNET)) else { return };
    let path = root.join(LIST);
    if text == *rendered && path.exists() {
        return;
    }
    let Some(subnet) = cni::parse(&text) else { return };
    let list = cni::list(&subnet);
    if fs::read_to_string(&path).is_ok_and(|there| there == list) {
        *rendered = text;
        return;
    }
    match files::replace(&path, 0o644, list.as_bytes()) {
        Ok(()) => {
            log.say(format!("pods of this node get addresses of {}, MTU {}", subnet.subnet, subnet.mtu));
            *rendered = text;
        }
        Err(error) => log.say(format!("the fabric's CNI list was not written: {error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_follows_the_subnet_file() {
        let root = tempfile::tempdir().unwrap();
        let (log, mut rendered) = (Log::default(), String::new());
        let list = || fs::read_to_string(root.path().join(LIST)).unwrap_or_default();
        let env = |third: u8| {
            let text = format!(
                "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.{third}.1/24\n\
                 FLANNEL_MTU=1500\nFLANNEL_IPMASQ=true\n"
            );
            files::replace(&root.path().join(SUBNET), 0o644, text.as_bytes()).unwrap();
        };
        render(root.path(), &mut rendered, &log);
        assert_eq!(list(), "");
        env(1);
        render(root.path(), &mut rendered, &log);
        assert!(list().contains("10.244.1.0/24"));
        env(2);
        render(root.path(), &mut rendered, &log);
        assert!(list().contains("10.244.2.0/24"));
        fs::remove_file(root.path().join(LIST)).unwrap();
        render(root.path(), &mut rendered, &log);
        assert!(list().contains("10.244.2.0/24"), "a list that somebody removed comes back");
    }
}
