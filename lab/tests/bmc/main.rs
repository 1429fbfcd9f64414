//! A BMC of the rack: reached from the server's place, with a board behind it that is a QEMU machine.

mod board;
mod event_log;
mod port;

use std::path::PathBuf;

use lab::Rack;
use lab::bmc::User;

fn rack(name: &str) -> Rack {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    Rack::up(name, &folder, "10.77.0.1/24").unwrap()
}

fn user() -> User {
    User { name: "admin".to_owned(), password: "calvin".to_owned() }
}
