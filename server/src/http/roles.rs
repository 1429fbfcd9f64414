//! The least role for each route of operators and browsers, and for what a verb means. A test holds the table to the
//! routes there are; a route that nobody has written down here is for admins.

use api::event::Event;
use api::user::Role;
use api::wipe::WipeWish;

use Least::{Anyone, With};
use Role::{Admin, Operator, Viewer};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Least {
    /// Without a login.
    Anyone,
    With(Role),
}

/// Method, path and least role. A row whose path names a verb in the place of `{verb}` wins over the one that does not.
pub const LEAST: &[(&str, &str, Least)] = &[
    ("GET", "/api/v1/machines", With(Viewer)),
    ("GET", "/api/v1/machines/{reference}", With(Viewer)),
    ("GET", "/api/v1/machines/{reference}/erasure", With(Viewer)),
    ("GET", "/api/v1/machines/{reference}/wipe-preview", With(Viewer)),
    ("GET", "/api/v1/machines/{reference}/logs", With(Viewer)),
    ("GET", "/api/v1/machines/{reference}/why", With(Viewer)),
    ("POST", "/api/v1/machines/{reference}/{verb}", With(Operator)),
    ("GET", "/api/v1/machines/{reference}/power", With(Viewer)),
    ("POST", "/api/v1/machines/{reference}/power", With(Operator)),
    ("POST", "/api/v1/machines/{reference}/identify", With(Operator)),
    // Whoever types there may do what the machine's own users may.
    ("POST", "/api/v1/machines/{reference}/console", With(Operator)),
    ("GET", "/api/v1/machines/{reference}/sensors", With(Viewer)),
    ("GET", "/api/v1/machines/{reference}/bmc-log", With(Viewer)),
    ("GET", "/api/v1/machines/{reference}/bmc-hardware", With(Viewer)),
    ("GET", "/api/v1/machines/{reference}/bmc-media", With(Viewer)),
    // What lies in the drive may boot, as root.
    ("POST", "/api/v1/machines/{reference}/bmc-media", With(Admin)),
    ("DELETE", "/api/v1/machines/{reference}/bmc-media", With(Admin)),
    ("POST", "/api/v1/machines/{reference}/bmc-update", With(Admin)),
    ("POST", "/api/v1/machines/{reference}/bmc-reset", With(Operator)),
    ("GET", "/api/v1/machines/{reference}/bmc", With(Viewer)),
    // Where a password is sent to is an admin's to say.
    ("PUT", "/api/v1/machines/{reference}/bmc", With(Admin)),
    ("DELETE", "/api/v1/machines/{reference}/bmc", With(Admin)),
    ("POST", "/api/v1/machines/{reference}/accept-certificate", With(Admin)),
    ("GET", "/api/v1/bmcs", With(Viewer)),
    ("GET", "/api/v1/power/groups", With(Viewer)),
    // Nothing brings these back.
    ("POST", "/api/v1/machines/{reference}/retire", With(Admin)),
    ("POST", "/api/v1/machines/{reference}/delete", With(Admin)),
    ("POST", "/api/v1/machines/{reference}/merge", With(Admin)),
    ("POST", "/api/v1/machines/{reference}/split", With(Admin)),
    ("POST", "/api/v1/machines/{reference}/labels", With(Operator)),
    ("POST", "/api/v1/machines/{reference}/rename", With(Operator)),
    ("POST", "/api/v1/import", With(Operator)),
    ("GET", "/api/v1/history", With(Viewer)),
    ("GET", "/api/v1/leases", With(Viewer)),
    ("GET", "/api/v1/reservations", With(Viewer)),
    ("POST", "/api/v1/reservations", With(Operator)),
    ("DELETE", "/api/v1/reservations/{mac}", With(Operator)),
    ("GET", "/api/v1/tombstones", With(Viewer)),
    ("GET", "/api/v1/profiles", With(Viewer)),
    ("GET", "/api/v1/profiles/{name}", With(Viewer)),
    ("GET", "/api/v1/images", With(Viewer)),
    ("GET", "/api/v1/images/{name}", With(Viewer)),
    ("POST", "/api/v1/images/{name}/verify", With(Operator)),
    // What is in an image runs as root on every machine that it is installed on.
    ("PUT", "/api/v1/images/{name}/files/{file}", With(Admin)),
    ("POST", "/api/v1/images/{name}/import", With(Admin)),
    ("DELETE", "/api/v1/images/{name}", With(Admin)),
    ("GET", "/api/v1/site", With(Viewer)),
    ("PUT", "/api/v1/site", With(Admin)),
    ("GET", "/api/v1/events", With(Viewer)),
    ("GET", "/api/v1/identity", With(Viewer)),
    ("GET", "/api/v1/openapi.json", With(Viewer)),
    ("GET", "/api/v1/clusters", With(Viewer)),
    ("GET", "/api/v1/clusters/{name}", With(Viewer)),
    // Nobody mints more than what they are: the handler looks at what is asked for.
    ("POST", "/api/v1/clusters/{name}/kubeconfig", With(Viewer)),
    ("POST", "/api/v1/clusters/{name}/snapshot", With(Operator)),
    ("POST", "/api/v1/clusters/{name}/reset", With(Admin)),
    ("GET", "/api/v1/clusters/{name}/adopt", With(Admin)),
    ("POST", "/api/v1/clusters/{name}/adopt", With(Admin)),
    ("GET", "/api/v1/users", With(Admin)),
    ("POST", "/api/v1/users", With(Admin)),
    ("DELETE", "/api/v1/users/{name}", With(Admin)),
    ("GET", "/api/v1/audit", With(Operator)),
    ("GET", "/metrics", With(Viewer)),
    ("GET", "/", With(Viewer)),
    ("GET", "/login", Anyone),
    ("POST", "/login", Anyone),
    ("POST", "/logout", With(Viewer)),
    ("GET", "/clusters/{name}", With(Viewer)),
    ("GET", "/machines/{reference}", With(Viewer)),
    ("GET", "/machines/{reference}/{verb}", With(Operator)),
    ("POST", "/machines/{reference}/{verb}", With(Operator)),
    ("GET", "/machines/{reference}/retire", With(Admin)),
    ("POST", "/machines/{reference}/retire", With(Admin)),
    ("GET", "/machines/{reference}/delete", With(Admin)),
    ("POST", "/machines/{reference}/delete", With(Admin)),
    ("GET", "/machines/{reference}/merge", With(Admin)),
    ("POST", "/machines/{reference}/merge", With(Admin)),
    ("GET", "/machines/{reference}/split", With(Admin)),
    ("POST", "/machines/{reference}/split", With(Admin)),
    ("GET", "/actions/{verb}", With(Operator)),
    ("POST", "/actions/{verb}", With(Operator)),
    ("GET", "/actions/retire", With(Admin)),
    ("POST", "/actions/retire", With(Admin)),
    ("GET", "/actions/delete", With(Admin)),
    ("POST", "/actions/delete", With(Admin)),
    ("GET", "/audit", With(Operator)),
    ("GET", "/events", With(Viewer)),
    ("GET", "/leases", With(Viewer)),
    ("POST", "/leases/reserve", With(Operator)),
    ("POST", "/leases/unreserve", With(Operator)),
    ("GET", "/tombstones", With(Viewer)),
    ("GET", "/images", With(Viewer)),
    ("POST", "/images/{name}/verify", With(Operator)),
    ("GET", "/profiles", With(Viewer)),
    ("GET", "/profiles/{name}", With(Viewer)),
    ("GET", "/live", With(Viewer)),
    ("GET", "/static/{file}", Anyone),
];

/// `path` as the router matched it; `verb` is what stands in the place of its `{verb}`.
pub fn least(method: &str, path: &str, verb: Option<&str>) -> Least {
    let method = if method == "HEAD" { "GET" } else { method };
    let row = |path: &str| LEAST.iter().find(|(m, p, _)| *m == method && *p == path).map(|row| row.2);
    let named = verb.and_then(|verb| row(&path.replace("{verb}", verb)));
    named.or_else(|| row(path)).unwrap_or(With(Admin))
}

/// The least role for what a verb means, taken on the event as it goes to the writer: whatever was written in a query, a
/// body or a form, and however it was encoded there, has become this value by now.
pub fn least_of(event: &Event) -> Role {
    match event {
        Event::Approved { erase_foreign } | Event::Reprovision { erase_foreign } => given_up(*erase_foreign),
        Event::Wipe { wish } => of_wish(wish),
        // Nothing brings these back.
        Event::Retire { .. } | Event::Delete => Admin,
        Event::Assign { .. }
        | Event::Enroll
        | Event::Inspect
        | Event::Retry
        | Event::Rescue { .. }
        | Event::Leave
        | Event::Hold
        | Event::Release
        | Event::PowerOff
        | Event::PowerOn => Operator,
        // What agents and the server itself say is nobody's verb.
        Event::Hello { .. }
        | Event::FactsReported
        | Event::LayoutVerified { .. }
        | Event::Installed { .. }
        | Event::NodeReady
        | Event::Drained
        | Event::Wiped
        | Event::StepFailed { .. }
        | Event::DeadlinePassed { .. }
        | Event::Assigned { .. }
        | Event::Allowed => Admin,
    }
}

/// Names each field: a new one is decided on here, too.
fn of_wish(WipeWish { erase_foreign, scope: _, full: _, skip_failed: _, disks: _ }: &WipeWish) -> Role {
    given_up(*erase_foreign)
}

/// What somebody else has installed is given up by an admin only.
fn given_up(erase_foreign: bool) -> Role {
    if erase_foreign { Admin } else { Operator }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_verb_wins_and_what_is_not_listed_is_for_admins() {
        let path = "/api/v1/machines/{reference}/{verb}";
        assert_eq!(least("POST", path, Some("hold")), With(Operator));
        assert_eq!(least("POST", path, Some("delete")), With(Admin));
        assert_eq!(least("HEAD", "/api/v1/machines", None), With(Viewer));
        assert_eq!(least("GET", "/api/v1/secrets", None), With(Admin));
        assert_eq!(least("PUT", "/api/v1/machines", None), With(Admin));
        assert_eq!(least("POST", path, Some("../users")), With(Operator), "a verb is no path");
    }

    #[test]
    fn foreign_installs_are_an_admins() {
        let wish = |erase_foreign| WipeWish { erase_foreign, ..WipeWish::default() };
        for (erase_foreign, role) in [(false, Operator), (true, Admin)] {
            assert_eq!(least_of(&Event::Approved { erase_foreign }), role);
            assert_eq!(least_of(&Event::Reprovision { erase_foreign }), role);
            assert_eq!(least_of(&Event::Wipe { wish: wish(erase_foreign) }), role);
            assert_eq!(least_of(&Event::Retire { wish: wish(erase_foreign) }), Admin);
        }
    }

    #[test]
    fn a_verb_that_has_a_row_asks_for_what_its_event_does() {
        let wish = WipeWish::default();
        for (verb, event) in [("retire", Event::Retire { wish }), ("delete", Event::Delete)] {
            let path = "/api/v1/machines/{reference}/{verb}";
            assert_eq!(least("POST", path, Some(verb)), With(least_of(&event)));
        }
    }
}
