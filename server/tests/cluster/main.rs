//! Machines that join a cluster: the documents and files they are given, which kubelets are let in, and who gets
//! join secrets at all.

mod api_server;
mod approve;
mod balancer;
mod bench;
mod control;
mod documents;
mod golden;
mod join;
mod leave;
#[path = "../metald/mod.rs"]
mod metald;
mod observe;
mod power;
mod renew;
mod site;
mod watch;
