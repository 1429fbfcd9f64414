//! The client against a BMC of our own making: over a wire that loses, doubles and reorders, over UDP, and with
//! `ipmitool` as the judge of both.

mod cost;
pub mod driver;
mod fuzz;
mod independent;
pub mod model;
mod simulation;
mod vectors;

use std::sync::Arc;

use super::login::Login;
use super::rakp::Level;

fn login() -> Arc<Login> {
    Arc::new(Login::new("ADMIN", "a-password", None).unwrap())
}

fn operator() -> Arc<Login> {
    let mut login = Login::new("ADMIN", "a-password", None).unwrap();
    login.level = Level::Operator;
    Arc::new(login)
}
