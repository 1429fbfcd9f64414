//! How long a way may take is the site's to say, and the profile's.

use std::sync::Arc;

use server::config::Site;

use super::active;
use crate::bench::SITE;

const MINUTE: i64 = 60_000_000;

#[tokio::test]
async fn a_way_is_given_up_when_the_profile_or_the_site_says() {
    let own = SITE.replace("[profile.node]", "[profile.node]\nback_to_ram = \"7m\"");
    let slow = SITE.replacen("[[network]]", "[server]\nback_to_ram = \"25m\"\n\n[[network]]", 1);
    for (site, minutes) in [(SITE, 15), (&slow, 25), (&own, 7)] {
        let mut bench = active().await;
        bench.app.site = Arc::new(Site::parse(site).unwrap_or_else(|finding| panic!("{}", finding.message)));
        bench.reprovision().await;
        assert!(bench.way("d0").await.is_some());
        let wait = bench.wait().await;
        assert_eq!(wait.deadline.unwrap() - wait.since, minutes * MINUTE, "{wait:?}");
    }
}
