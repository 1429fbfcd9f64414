//! What somebody else has installed is given up by an admin only, in whatever spelling and by whichever way the wish
//! comes in.

use api::id::MachineId;
use api::user::Role;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::bench::Bench;

const ADMINS: &str = "operator has the role operator, and this needs admin";

/// The answer to a program's POST with this end of the path and this body.
async fn call(bench: &Bench, role: Role, (path, body): (&str, &str)) -> (StatusCode, String) {
    let token = bench.token(role).await;
    let request = Request::post(path).header("content-type", "application/json");
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    let (status, body) = bench.secure(None, request.body(Body::from(body.to_string())).unwrap()).await;
    (status, String::from_utf8(body).unwrap())
}

/// The row's version: every event that is carried out changes it.
async fn version(bench: &Bench, machine: &MachineId) -> i64 {
    bench.app.store.machine(machine).await.unwrap().version
}

#[tokio::test]
async fn an_operator_does_not_give_up_what_somebody_else_installed() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    let before = version(&bench, &machine).await;
    let body = r#"{"wipe":{"erase_foreign":true}}"#;
    let ways = [
        // The query, plain, and as a decoder reads it.
        ("approve?erase_foreign=true", "null"),
        ("reprovision?erase_foreign=true", "null"),
        ("wipe?erase_foreign=true", "null"),
        ("approve?erase%5Fforeign=true", "null"),
        ("approve?erase_foreign=%74rue", "null"),
        ("approve?%65rase_foreign=t%72ue", "null"),
        ("reprovision?force=false&erase%5fforeign=true&powered_off=false", "null"),
        ("approve?&&erase_foreign=true", "null"),
        ("wip%65?erase%5Fforeign=true", "null"),
        // The body, beside an innocent query and in another spelling.
        ("wipe", body),
        ("wipe?erase_foreign=false", body),
        ("wipe?erase_foreign=false", r#"{"wipe":{"erase\u005fforeign":true}}"#),
        ("wipe", r#"{"wipe":{"scope":"all","full":true,"erase_foreign":true,"disks":[]}}"#),
        ("wip%65", body),
        // Nothing brings these back, foreign or not.
        ("retire", body),
        ("%72etire", "null"),
        ("d%65lete", "null"),
    ];
    for (way, body) in ways {
        let path = format!("/api/v1/machines/{machine}/{way}");
        let (status, answer) = call(&bench, Role::Operator, (&path, body)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{way} {body}: {answer}");
        assert!(answer.contains(ADMINS), "{way} {body}: {answer}");
        assert_eq!(version(&bench, &machine).await, before, "{way} {body} was carried out");
        // An admin is not kept from it by their role.
        if !way.contains("etire") && !way.contains("lete") {
            let (status, answer) = call(&bench, Role::Admin, (&path, body)).await;
            assert_ne!(status, StatusCode::FORBIDDEN, "{way} {body}: {answer}");
        }
    }
}

#[tokio::test]
async fn what_nobody_understands_is_no_innocent_wish() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    let before = version(&bench, &machine).await;
    let ways = [
        ("approve?erase_foreign=True", "null"),
        ("approve?erase_foreign=1", "null"),
        ("approve?erase-foreign=true", "null"),
        ("approve?erase_foreign=false&erase_foreign=true", "null"),
        ("wipe", r#"{"wipe":{"erase_foreign":"true"}}"#),
        ("wipe", r#"{"wipe":{"erase_foreign":false,"erase_foreign":true}}"#),
        ("wipe", r#"{"wipe":{"scop":"none"}}"#),
        ("wipe", r#"{"scope":"none"}"#),
    ];
    for (way, body) in ways {
        let path = format!("/api/v1/machines/{machine}/{way}");
        let (status, answer) = call(&bench, Role::Operator, (&path, body)).await;
        let refused = [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY].contains(&status);
        assert!(refused, "{way} {body}: {status} {answer}");
        assert_eq!(version(&bench, &machine).await, before, "{way} {body} was carried out");
    }
}

#[tokio::test]
async fn a_form_of_an_operator_gives_up_nothing_either() {
    let bench = Bench::new("record").await;
    let machine = bench.machine().await;
    let (cookie, csrf) = bench.session(Role::Operator).await;
    let form = async |path: &str, body: String| {
        let request = Request::post(format!("/machines/{machine}/{path}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.header(header::COOKIE, &cookie).body(Body::from(body)).unwrap();
        bench.secure(None, request).await.0
    };
    let before = version(&bench, &machine).await;
    let wish = format!("csrf={csrf}&name={machine}&erase_foreign=true");
    for verb in ["wipe", "retire", "%72etire", "delete", "retire?erase%5Fforeign=true"] {
        let status = form(verb, wish.clone()).await;
        assert!(status.is_client_error(), "{verb}: {status}");
        assert_eq!(version(&bench, &machine).await, before, "{verb} was carried out");
    }
    // A verb of the page is said with nothing beside it, whatever the form says.
    form("approve?erase_foreign=true", wish).await;
    assert!(!bench.app.store.machine(&machine).await.unwrap().life().unwrap().erase_foreign);
}
